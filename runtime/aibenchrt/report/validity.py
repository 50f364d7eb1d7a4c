# ruff: noqa: E501  (a table: one code a line)
"""What makes a run INVALID: a code for each check, and the limits. Read without what the checks themselves need."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from aibenchrt.figure_format import percent


class Limits(BaseModel):
    """The limits within which a run is VALID; a verdict carries the limits it was made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate_deviation: float = 0.01  # share of scheduled requests that were not sent
    lateness_p99_ms: float = 10.0  # of each generator
    lateness_share: float = 0.05  # of each percentile of latency that is shown, for what lateness may add to it …
    lateness_floor_ms: float = 1.0  # … or this, if it is more
    late_frames: float = 0.01  # share of frames with a deadline that the generator alone made late
    arrivals_p: float = 0.001  # Kolmogorov–Smirnov of the sent gaps against the declared Poisson process
    generator_cpu: float = 0.80  # of one core
    error_share: float = 0.01
    planner_cpu: float = 0.80
    records_missing: float = 0.001
    clock_error_gap: float = 0.10  # of the mean gap between the arrivals of all generators together
    others_cpu: float = 0.05  # of the CPU time of a machine, for other work and other virtual machines
    empty_share: float = 0.05  # of the successful requests of a class
    shares_p: float = 0.001  # of the exact test of shares, for all shares of a run together
    shares_points: float = 0.10  # by how much an author's expectation of a share may be off, at most
    shares_part: float = 0.50  # and no more than this part of the share, or of what it leaves
    shares_independent: int = 200  # requests that the test of such a share counts at most, since users ask repeatedly
    used_up: float = 0.10  # share of requests sent after every payload of their class had been sent
    backlog_requests: float = 120.0  # more in flight at the end of the window than at its beginning, by chance …
    backlog_share: float = 0.02  # … and this share of the arrivals
    drift_t: float = 4.0  # of the slope of log latency over the window …
    drift_t_correlated: float = 7.0  # … where batches of answers depend on each other
    drift_factor: float = 1.25  # change of latency over the window below which it is no drift
    drift_requests: int = 2000  # answers that the test of a drift needs


@dataclass(frozen=True)
class Validity:
    """name: what is wrong with the run; hint: the way out; explanation: what is checked, and why, with the limits' names as fields."""

    name: str
    hint: str
    explanation: str


_OWN_CORE = "lower the rate, or give the generator a core of its own"
_FAULT = "run again, or name the fault with --expect-fault"

# fmt: off
REASONS: dict[str, Validity] = {
    "V01": Validity("not completed", "see the stages in run.json and the logs in logs/; run again", "Every stage, from preparing to collecting, ends with outcome 'completed'. A run that ended early measured something else than its plan."),
    "V02": Validity("process died", f"read the log of the process in logs/; {_FAULT}", "No process of the deployment ends, or stops answering, before it is told to: what is left would be measured in its place. One that was started again counts too."),
    "V03": Validity("schedule not kept", _OWN_CORE, "At most {rate_deviation:.1%} of the scheduled requests may not have been sent. A generator that skips requests measures a lower load."),
    "V04": Validity("requests sent late", _OWN_CORE, "Latency counts from the intended time; what is late because of the generator is no property of the service. So lateness, from the intended to the actual send time, and the time in which a generator that stood still stamped no answer, may make up at most {lateness_share:.0%} of any percentile of latency that is shown, or {lateness_floor_ms:g} ms; a single stall counts as far as it moves one. The p99 of the lateness itself is at most {lateness_p99_ms:g} ms, or {lateness_share:.0%} of the p99 of the whole path."),
    "V05": Validity("arrivals do not fit the process", "the sent gaps are not those of the declared process: the generator or the host stalled", "The gaps between sent requests are compared with the declared Poisson process (Kolmogorov–Smirnov); p is at least {arrivals_p:g}."),
    "V06": Validity("generator saturated", _OWN_CORE, "A generator takes at most {generator_cpu:.0%} of a core and drops no request: beyond that, its own queue is measured."),
    "V07": Validity("too many errors", "see the table of errors and the logs in logs/", "At most {error_share:.1%} of the requests may fail: the latency of the others is that of a lower load."),
    "V08": Validity("too few samples", "lengthen `load … for`, raise the rate, or ask for a lower percentile", "A percentile p is shown with at least 20/(1−p) successful requests: 2,000 for p99. With fewer, chance decides."),
    "V09": Validity("planner saturated", "give the planner more replicas or lower the rate", "A planner takes at most {planner_cpu:.0%} of a core, measured: beyond that, its own queue is measured."),
    "V10": Validity("records incomplete", "a successful request has no call records, or scheduled requests have no record", "At most {records_missing:.1%} of the requests may have no record, or no whole critical path."),
    "V12": Validity("clocks of the generators differ", "synchronise the hosts' clocks by NTP or PTP, shorten the run, or use one generator", "Several generators share one schedule; their clocks may differ by at most {clock_error_gap:.0%} of the mean gap between arrivals."),
    "V13": Validity("records not collected", "check that the host can be reached, and run `aibenchc run … --resume RUN`", "The records of every part on every host are collected."),
    "V14": Validity("parts degraded", f"check the host: its power, its network, other processes; {_FAULT}", "No replica stops answering for a while: during that time the deployment was not what the plan says."),
    "V15": Validity("effects failed", "calls after the response failed: see the table of latency and the log of that part", "At most {error_share:.1%} of the calls after the response may fail: users do not notice, but work was left undone."),
    "V16": Validity("machine disturbed", "end the other work, or wait until it has ended: `aibenchc run … --wait-quiet 10min`", "Over the measured window at most {others_cpu:.0%} of the CPU time of a machine may go to anything but the run: other processes, or other virtual machines (steal). Beyond that the latency is that of the machine's other work. How long tasks waited for a processor (PSI) is shown, not judged: the run's own tasks wait, too."),
    "V19": Validity("not keeping up", "lower the rate, or give the busiest part more replicas: see the table of processes and the picture over time", "As many requests end in the measured window as come in it. At its end at most {backlog_requests:.0f} more may be in flight than at its beginning (or 5 times the root of their mean number, if that is more), and {backlog_share:.0%} of the arrivals: that much is chance in a stable queue. Beyond that the latency is that of an overload, and grows with the length of the run. A closed loop is not judged."),
    "V20": Validity("not stationary", "look at the picture over time: a longer warm-up, a lower rate, or find what changed (a cache that fills, memory, other work)", "Latency is the same at the end of the window as at its beginning. A line is fitted to log latency over 100 successive batches of answers, with a standard error that heeds their dependence (AR(1)); |t| may be above {drift_t:g} ({drift_t_correlated:g} where the batches depend much on each other) only if the line changes latency by less than a factor of {drift_factor:g}. Fewer than {drift_requests:,d} answers tell too little, and are not judged; a trace, whose rate changes by itself, is not either. False alarms: fewer than 1 in 1,000 windows of a queue at a utilisation up to 0.9."),
    "V21": Validity("answers hold nothing", "send a request by hand and read the logs of the tasks before the response", "Of the successful requests of each class, its supplement included, at most {empty_share:.0%} may have an answer that holds nothing: no item, no text, no label, no picture. A search may find nothing, so a few may; an answer that is empty where the truth is (no relevant item, an empty reference text, somebody to be refused) does not count. An exact binomial test allows for chance: p is at least {shares_p:g}, over all classes. What services answer without any AI task, as in a component benchmark, may hold nothing, as a cache that misses. A system that answers nothing is fast."),
    "V22": Validity("shares differ from the plan's", "correct the share in the spec if its expectation is wrong, else look for what decides the arm: a cache that always hits, a search that finds too little", "The observed shares of request classes and of the arms of choices are those of the plan, by exact binomial tests (p is at least {shares_p:g} over all shares together). Classes and draws with seeded chance have no margin beyond chance and failed requests. Where the run decides (`when cache.hit`, `until`), the author's expectation may be off by half of it (of what it leaves, if that is less), at least by one percentage point and at most by ten, and however many requests there are, they count as at most {shares_independent:d}: a user who asks again tells nothing new. These arms are not judged on synthetic data, which the spec does not describe, or where answers were replaced."),
    "V17": Validity("records contradict each other", "somebody changed the records, or a part of the runtime has a bug: run again, and report it if it comes back", "Each request is as scheduled (class, phase, payload, intended time), sent after its intended time, and recorded once. Its calls are between its sending and its answer, effects excepted, and each after those whose output it takes. Each step that the plan and the choices taken demand was called once, and no other. Times on several hosts are compared within the error of their clocks. Failed requests, and records that were lost with a process or a host, are no contradictions."),
    "V25": Validity("frames late by the generator", _OWN_CORE, "A frame that the generator sent late, or whose answer it read late, may miss its deadline though the system kept it. At most {late_frames:.0%} of the frames with a deadline may be missed only because of the time that the generator held them back, as V04 finds it: a target for missed frames is for the system."),
    "V18": Validity("files changed", "take the run directory as it was when the run ended, or run again", "The files that a verdict depends on are those that the run ended with: hashes.json holds the SHA-256 of each, and its own is the run's root, which `run`, `report` and `validate` show. Whoever changes a file and hashes.json makes another root: compare it with one that was kept elsewhere, by `aibenchc validate RUN --root ROOT`. `--recompute` also makes every figure again and compares it with report.json and verdict.json. A run from before there were hashes is judged as before, and called not bound."),
    "V23": Validity("state not audited", "see the reason, and the log of that task in logs/; run again", "A task whose state has invariants, as a ledger has, is audited when the run has ended. Of a run without the audit nobody knows whether its answers were kept: it proves nothing. In a run with an expected fault the audit may be missing."),
    "V11": Validity("payloads used up", "shorten the run or lower the rate: once every payload has been sent, caches answer the rest", "At most {used_up:.0%} of the requests may be sent after every payload of their class has been sent; of streams, after their stream has shown every clip."),
}
# What makes a run FAIL, beside its targets.
VIOLATIONS: dict[str, Validity] = {
    "V24": Validity("invariant violated", "look at the state that the run left in state/, and at the log of that task: the component is wrong, or somebody wrote to its state", "When a run has ended, the invariants of its states are checked from the states themselves: of a ledger that no money was made or lost, that the legs of each booking sum to zero, that balances follow from the legs and none was ever below zero, that each payment is booked once, and no message twice. One violation makes the run FAIL, whatever its figures; in an INVALID run, too, it is shown as FAIL."),
}
# fmt: on


def explained(code: str) -> str:
    """The explanation with the usual limits. KeyError: there is no such code."""
    return _WithPercents().vformat((REASONS | VIOLATIONS)[code].explanation, (), Limits().model_dump())


class _WithPercents(string.Formatter):
    """'{limit:.1%}' is written as all percents are."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.endswith("%"):
            return percent(value, int(format_spec.strip(".%")))
        return str(super().format_field(value, format_spec))
