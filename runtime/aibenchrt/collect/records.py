"""What a run records: one RequestRecord per request, one CallRecord per component call.

Versioned; Parquet columns have these names.

All times are nanoseconds of the recording host's CLOCK_MONOTONIC; in the run directory of a cluster, of the first planner's (merge).
Latency counts from the intended time, service time from the sent time.
"""

from __future__ import annotations

from dataclasses import dataclass

RECORDS_VERSION = 5
MOST_INTEGER = 2**61  # of any number in a record: in ns 73 years; moved to another clock it still has 64 bits
QUEUE_UNKNOWN = "queue=unknown"  # a note: the queueing time of the call was not measured


@dataclass(frozen=True)
class RequestRecord:
    """phase: 'warmup', 'measured' or 'supplement' (the supplement of a rare class). payload: index into the class's request source.

    outcome: ok, failed, timeout or not_sent. answer: what the response shows, one entry per answer type (typed_values); empty unless
    outcome is ok. arms: 'choice=arm' of every choice that was decided. planner: host:port of the planner that answered; if unknown, of all
    that may have got the request. planner_ns: from the planner's receipt to its reply; planner_queue_ns: from receipt to the first call.
    """

    request_id: int
    request_class: str
    phase: str
    payload: int
    intended_ns: int
    sent_ns: int
    done_ns: int
    outcome: str
    error: str
    answer: tuple[str, ...]
    arms: tuple[str, ...]
    planner: str
    planner_ns: int
    planner_queue_ns: int


@dataclass(frozen=True)
class CallRecord:
    """A call of one task for one request, as its client (the planner) saw it.

    ready_ns: all its inputs were there; start_ns: the call was issued; end_ns: its reply had come. queue_ns and service_ns: as the server
    measured them (AI: Triton's queue and the model's compute). waited_for: the task whose output came last, '' for the request itself.
    after: ran after the response. stages: 'stage=ns' of each stage of a combined task. note: small outputs worth keeping (a Category's
    first label, a Count, a Flag) as 'port=value', 'attempts=N' where gRPC sent the call N times, and QUEUE_UNKNOWN. endpoint: of the
    replica that answered; if none did, of all of them. outcome: ok, failed, or cancelled because another call of the request had failed.
    """

    request_id: int
    task: str
    kind: str
    endpoint: str
    ready_ns: int
    start_ns: int
    end_ns: int
    queue_ns: int
    service_ns: int
    outcome: str
    error: str
    waited_for: str
    after: bool
    stages: tuple[str, ...]
    note: tuple[str, ...]


@dataclass(frozen=True)
class ScheduleRecord:
    """One request as scheduled, before anything was sent. offset_s: intended time in seconds after the start of its phase.

    stream, number: where the load has streams, which it belongs to, and its number in it, from 0 at the start of the warm-up; else -1.
    """

    request_id: int
    request_class: str
    phase: str
    payload: int
    offset_s: float
    stream: int = -1
    number: int = -1


@dataclass(frozen=True)
class ResourceRecord:
    """One sample of one process. cpu_share: of one core, since the sample before; process: ProcessInfo.name of run.json."""

    time_ns: int
    process: str
    pid: int
    cpu_share: float
    rss_bytes: int


@dataclass(frozen=True)
class MachineRecord:
    """One sample of one machine, all shares since the sample before: of the CPU time of all its processors, busy with anything, busy with
    processes of this run (own), and taken away by the hypervisor (steal); and of the time during which some task waited for a processor
    (pressure; -1: the kernel does not tell)."""

    time_ns: int
    host: str
    busy_share: float
    own_share: float
    steal_share: float
    pressure_share: float


@dataclass(frozen=True)
class TruthRecord:
    """Held-out truth of one request, one entry per truth type that it has (typed_values). cluster: the same for requests whose truths
    depend on each other, such as those of one user (`DatasetSpec.clustered_by`); '' for one that only its repeats depend on."""

    request_id: int
    truth: tuple[str, ...]
    cluster: str


@dataclass(frozen=True)
class ScoreRecord:
    """A score that an export keeps in place of an answer and its truth. task: '' where the response was scored, or the classifier whose
    first label was. metric: its name, or 'empty answer': 1 where the response holds nothing. counts: whether the value is one of those that
    the metric is the mean of; an empty answer does not count where the truth says that nothing is right."""

    request_id: int
    task: str
    metric: str
    value: float
    counts: bool
