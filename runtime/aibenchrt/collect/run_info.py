"""run.json: what a run was, as data. Control writes it (also for a run that was interrupted); the report reads it.

Everything that the records alone cannot say stands here: versions, seeds, hashes, the fingerprint, where the data came from,
which models served, how the stages went, and how the load generator itself did.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aibenchrt.whole_file import write_text

RUN_VERSION: Literal[1] = 1
RUN_FILE = "run.json"
GENERATOR, BEGUN, REQUESTS_LINES = "generator.json", "begun.json", "requests.jsonl"  # what a generator writes beside requests.parquet

Override = Literal["random", "baseline"]
Outcome = Literal["completed", "interrupted", "failed"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HostInfo(_Frozen):
    """One machine. memory_mib is rounded to 256 MiB, so that a few pages do not make another machine. parts: what ran there; empty if
    everything did. cpu_limit, memory_limit_mib: what control groups allow of it, as of a container; None: all. machine: the same for hosts
    that are containers of one machine, of whose CPU time each sees the whole; '' where it is unknown."""

    name: str
    cpu_model: str
    cores: int
    memory_mib: int
    kernel: str
    os: str
    parts: tuple[str, ...] = ()
    cpu_limit: float | None = None
    memory_limit_mib: int | None = None
    machine: str = ""

    @property
    def text(self) -> str:
        """'cpu, cores, memory', and the limits where there are any."""
        limits = [] if self.cpu_limit is None else [f"{self.cpu_limit:g} CPUs"]
        limits += [] if self.memory_limit_mib is None else [f"{self.memory_limit_mib} MiB"]
        limited = f" (limited to {' and '.join(limits)})" if limits else ""
        return f"{self.cpu_model}, {self.cores} cores, {self.memory_mib} MiB{limited}"


class Fingerprint(_Frozen):
    """What two runs must share for their absolute figures, ratios and shares to be comparable.

    hosts: 'count × cpu model, cores, memory, limits of control groups, os' rows, no host names. models: 'task=component/model:version'.
    replicas: 'task=n'. load: 'poisson 30/s, text 98.9 %, …' exactly as the plan gives it, with duration and warm-up but without the seed.
    packages: name=version of what serves (triton, onnxruntime, grpcio, numpy, python), and of libraries of others, with the hashes of
    their wheels. settings: 'stage=component{key value, …}' of every component that has any (shards, engine, table …): they affect latency,
    but not graph_hash. generator: its priority, 'real-time' or 'normal' (then the load that it measures can delay it); empty if no load
    was sent.
    """

    hosts: tuple[str, ...]
    deployment: str
    profile: str
    graph_hash: str
    data: str
    models: tuple[str, ...]
    replicas: tuple[str, ...]
    load: str
    packages: tuple[str, ...]
    settings: tuple[str, ...] = ()
    generator: str = ""

    @property
    def hash(self) -> str:
        """Sixteen hex digits of sha256 over the canonical JSON."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class ProvenanceRow(_Frozen):
    """One part of the data. observed: recorded from people or the world; composed: made by us from observed parts, as `note` says."""

    part: str
    origin: Literal["observed", "composed"]
    source: str
    note: str = ""


class DataInfo(_Frozen):
    """variant synthetic: generated data in place of the real ones; the report says so at the top."""

    name: str
    variant: Literal["real", "synthetic"]
    world_version: str
    seed: int
    licence: str
    provenance: tuple[ProvenanceRow, ...]


class MeasuredMetric(_Frozen):
    """A model's held-out quality. low, high: 95 % interval; all values are shares; baseline_value by the same protocol."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    protocol: str
    baseline: str | None = None
    baseline_value: float | None = None


Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Shares = Annotated[tuple[Share, ...], Field(min_length=1, max_length=1000)]


class ErrorCurve(_Frozen):
    """Held-out rates of wrongly accepting and of wrongly refusing, equally many, at falling thresholds. name: 'the model', or a baseline.

    chosen: both rates at the threshold that was chosen, on other data."""

    name: str
    false_accept: Shares
    false_reject: Shares
    chosen: tuple[Share, Share]

    @model_validator(mode="after")
    def _equally_many(self) -> Self:
        if len(self.false_accept) != len(self.false_reject):
            raise ValueError("a curve has as many rates of one error as of the other")
        return self


class ModelInfo(_Frozen):
    """A model version that served in this run. override: an ablation replaced its answers. error_curves: of a model that tells persons
    apart, and of its baselines."""

    task: str
    stage: str
    component: str
    model: str
    version: str
    size: str
    parameters: int | None = None
    seed: int | None = None
    metrics: tuple[MeasuredMetric, ...] = ()
    error_curves: tuple[ErrorCurve, ...] = ()
    override: Override | None = None


class StageEntry(_Frozen):
    """One entry of the journal. Times in seconds from the start of the run."""

    name: Literal["prepare", "ship", "deploy", "start", "ready", "warmup", "load", "supplement", "collect", "stop", "teardown"]
    started_s: float
    ended_s: float | None
    outcome: Literal["ok", "failed", "interrupted", "running"]
    detail: str = ""


Role = Literal["generator", "planner", "triton", "service", "other"]


class ProcessInfo(_Frozen):
    """A process of the run; `name` is the key in resources.parquet. exit_code None: still running when the journal closed.

    died: it exited without being asked to, or was restarted; restarts: how often; reason: what the host says of it, or how it died.
    host: '' where everything runs on one. model: what a process of Triton's serves; '' of all others.
    """

    name: str
    role: Role
    pid: int
    replica: int = 0
    exit_code: int | None = None
    died: bool = False
    host: str = ""
    restarts: int = 0
    reason: str = ""
    model: str = ""


class Outage(_Frozen):
    """A time during which a process did not serve, by the clock of the records: from_ns, when it was seen to have died, or from when on it
    answered nothing; until_ns, when it had answered an inference again (None: never). restarts: how often it was started meanwhile.
    host: '' where everything runs on one."""

    process: str
    reason: str
    from_ns: int
    until_ns: int | None = None
    restarts: int = 0
    host: str = ""


class Bystander(_Frozen):
    """A process that is not of the run. cpu_share: of the CPU time of the whole machine during the load; host: '' where everything runs on
    one."""

    name: str
    pid: int
    cpu_share: float
    host: str = ""


class LoadInfo(_Frozen):
    """The requested load. shares: request class → share of the measured phase. Monotonic bounds of the measured window in ns.

    rate: requests/s, of a trace their mean; None of a closed loop, whose rate depends on the answers. used_up: share of the measured
    requests scheduled after every payload of their class had been scheduled; of streams, after their stream had shown every clip.
    """

    arrival: str
    rate: float | None
    duration_s: float
    warmup_s: float
    seed: int
    shares: dict[str, float]
    window_start_ns: int
    window_end_ns: int
    used_up: float = 0.0


class GeneratorInfo(_Frozen):
    """How the load generator did over the measured (or supplement) phase. Lateness: sent minus intended, in ns.

    cpu_share: of one core, mean over the phase. dropped: scheduled but not sent; in_flight_limit None: no limit.
    real_time: the generator ran at real-time priority, so that what it measures cannot make it late.
    """

    scheduled: int
    sent: int
    dropped: int
    lateness_p50_ns: int
    lateness_p99_ns: int
    lateness_max_ns: int
    cpu_share: float
    in_flight_max: int
    in_flight_limit: int | None = None
    real_time: bool = False


class ClockOffset(_Frozen):
    """The clocks of another host compared with ours at our monotonic time at_ns. offset_ns: its monotonic minus ours; realtime_ns: its
    realtime minus our monotonic; the error of both is at most uncertainty_ns, half of the smallest round trip."""

    at_ns: int
    offset_ns: int
    realtime_ns: int
    uncertainty_ns: int
    exchanges: int


class ClockInfo(_Frozen):
    """A planner's clock compared with that of a generator's host, before and after the load. after None: not compared, or no reply."""

    planner: str
    before: ClockOffset
    after: ClockOffset | None = None

    @property
    def drift_ns(self) -> int:
        """The drift of the clocks between the two comparisons; 0 if unknown."""
        return self.after.offset_ns - self.before.offset_ns if self.after else 0

    @property
    def offset_ns(self) -> int:
        """In the middle of the run: planner's minus ours."""
        return self.before.offset_ns + self.drift_ns // 2

    @property
    def error_ns(self) -> int:
        """The largest error of a time converted with offset_ns: the uncertainty and half of the drift."""
        uncertainty = max(offset.uncertainty_ns for offset in (self.before, self.after) if offset)
        return uncertainty + abs(self.drift_ns) // 2


class Issued(_Frozen):
    """generator.json: what one generator recorded about itself; begun.json holds the same before it sends anything, without figures.

    start, window: time 0 of the schedule and the phase's bounds in ns of its monotonic clock. shard of shards: what it sent. clocks: every
    planner's, the first planner's first; empty on a single host. stopped: it was told to end early.
    """

    generator: GeneratorInfo | None
    start_ns: int
    window_start_ns: int
    window_end_ns: int
    stopped: bool
    shard: int = 0
    shards: int = 1
    clocks: tuple[ClockInfo, ...] = ()


class GeneratorShard(_Frozen):
    """One of several query generators. figures None: it was killed or never began. clocks: as in Issued."""

    host: str
    shard: int
    shards: int
    figures: GeneratorInfo | None
    clocks: tuple[ClockInfo, ...] = ()


class CodeInfo(_Frozen):
    """The code that made the run, on the machine that started it. commit: that it was checked out or installed from, '-dirty' after it if
    files were changed since; '': unknown. sha256: of the Python files of both packages."""

    version: str
    commit: str
    sha256: str


class Attempt(_Frozen):
    """A load that was begun and not completed; its records are kept in `folder` of the run directory, and count nowhere."""

    folder: str
    requests: int
    reason: str


class Supplement(_Frozen):
    """A labelled run of one rare class beside the mix, so that its percentiles have enough samples. Its records have phase 'supplement'."""

    request_class: str
    requests: int
    rate: float
    reason: str


class RunInfo(_Frozen):
    """The whole of run.json. deployment_id: the same only for runs that shared one start of the processes.

    generator: of all generators together (counts summed, other figures of the worst). generators: each of them, if they ran on hosts of
    their own; all times in the records are then on the first planner's monotonic clock. missing: records that could not be collected, and
    why. fault: what was broken on purpose; '' for a measurement. outages: of what was started again. bystanders: the busiest processes
    that were not of the run, during the load, of each host the busiest first. code None: of a run from before it was recorded.
    """

    version: Literal[1] = RUN_VERSION
    run_id: str
    deployment_id: str
    scenario: str
    title: str
    deployment: str
    profile: str
    started_utc: str
    outcome: Outcome
    commands: tuple[str, ...]
    versions: dict[str, str]
    seeds: dict[str, int]
    hashes: dict[str, str]
    hosts: tuple[HostInfo, ...]
    fingerprint: Fingerprint
    data: tuple[DataInfo, ...]
    models: tuple[ModelInfo, ...]
    stages: tuple[StageEntry, ...]
    processes: tuple[ProcessInfo, ...]
    load: LoadInfo
    generator: GeneratorInfo | None
    supplements: tuple[Supplement, ...] = ()
    generators: tuple[GeneratorShard, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    missing: tuple[str, ...] = ()
    fault: str = ""
    outages: tuple[Outage, ...] = ()
    bystanders: tuple[Bystander, ...] = ()
    code: CodeInfo | None = None


def write_run_info(directory: Path, info: RunInfo) -> None:
    """Writes run.json whole or not at all."""
    write_text(directory / RUN_FILE, info.model_dump_json(indent=2) + "\n")
