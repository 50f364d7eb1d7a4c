"""report.json and verdict.json: the report and the verdict as data. Versioned; the command line and the HTML page render these."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.collect.run_info import GeneratorInfo
from aibenchrt.metrics import lower_is_better

REPORT_VERSION: Literal[1] = 1
VERDICT_VERSION: Literal[1] = 1

Status = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT COMPARABLE"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Frozen):
    """A figure with its 95 % interval. n: samples; se: standard error on the scale of the method (log for percentiles and means)."""

    value: float
    low: float
    high: float
    n: int
    se: float
    method: str


BEYOND = "beyond all answers"


class BeyondAnswers(_Frozen):
    """A percentile whose 95 % interval reaches into the failures, which rank as slower than all answers: nothing bounds it from above.

    value: in ms; None: the percentile itself lies among the failures. low: the lower end of the interval; None: even that lies among them.
    n: answers and failures; failed: the failures.
    """

    value: float | None
    low: float | None
    n: int
    failed: int


class Percentile(_Frozen):
    """estimate: where the whole interval lies among the answers; beyond: where it does not. Both None: fewer than `needed` samples."""

    p: float
    estimate: Estimate | None
    needed: int
    beyond: BeyondAnswers | None = None


class LatencyRow(_Frozen):
    """Latency in ms of the requests or calls of one kind. scope: 'whole path', 'class', 'component', 'supplement'.

    name: the class or task, 'all'. kind: 'ai', 'service', 'planner' for components, else ''. n: successful ones; failed: what failed
    beside them; after: a task that runs after the response. The mean is that of the successful ones; in the percentiles each failure
    ranks as slower than all of them.
    """

    scope: Literal["whole path", "class", "component", "supplement"]
    name: str
    kind: str
    after: bool = False
    n: int
    failed: int
    mean: Estimate | None
    percentiles: tuple[Percentile, ...]


class RatioRow(_Frozen):
    """Whole-path percentile over a component's: how much the path amplifies it."""

    task: str
    kind: str
    p: float
    estimate: Estimate


class FractionRow(_Frozen):
    """Fraction of the time before the response that was spent in AI or other components: in all calls, and on the critical path."""

    of: Literal["ai", "non_ai"]
    all_calls: Estimate
    on_path: Estimate
    mean_ms: float


class PathRow(_Frozen):
    """A task on the critical paths of successful requests of a class (or 'all').

    requests: fraction of the requests on whose path it lay; time: fraction of the response time; mean_ms: mean over all these requests;
    queue, service, transport split it.
    """

    request_class: str
    task: str
    kind: str
    requests: float
    time: float
    mean_ms: float
    queue_ms: float
    service_ms: float
    transport_ms: float


class PlannerRow(_Frozen):
    """Planner overhead in ms: response time minus the calls on the critical path. per_hop: divided by the calls on the path, median."""

    requests: int
    overhead_p50_ms: float
    overhead_mean_ms: float
    per_hop_p50_ms: float
    hops_mean: float
    queue_p50_ms: float
    cpu_share: float | None


class PredictionRow(_Frozen):
    """Latency of the whole path in ms: what the compiler predicted from service times, and what was measured.

    measured: as in the row of the whole path; None: not enough requests, or a percentile that reaches into the failures.
    """

    figure: Literal["mean", "p99"]
    predicted_ms: float
    measured: Estimate | None


class FrameRow(_Frozen):
    """Measured requests of streams, or with a deadline: of the whole load, a class or a stream. frames: how many. missed: of those with a
    deadline the share that was answered after it; dropped: the share that failed, timed out or was never sent. jitter: in ms. None: no
    deadline (or several: deadline_ms); no consecutive frames, or fewer than 20."""

    scope: Literal["all", "class", "stream"]
    name: str
    deadline_ms: float | None
    frames: int
    missed: Estimate | None
    dropped: Estimate | None
    jitter: Estimate | None


class MovedStreamRow(_Frozen):
    """A stream whose frames more than one replica of a task that keeps its state answered. replicas: in the order of their first answer."""

    task: str
    stream: int
    moves: int
    replicas: tuple[str, ...]


class QualityRow(_Frozen):
    """End-to-end quality. failed: requests that failed, counted with an empty answer; ok_only: the same over successful requests."""

    request_class: str
    metric: str
    estimate: Estimate
    requests: int
    failed: int
    ok_only: float | None


class ModelQualityRow(_Frozen):
    """A model's quality. where: 'held-out' (measured in training, by protocol) or 'in this run' (calls with a known true label)."""

    task: str
    model: str
    metric: str
    where: Literal["held-out", "in this run"]
    value: float
    low: float | None
    high: float | None
    protocol: str
    baseline: str | None
    baseline_value: float | None
    n: int | None

    @property
    def baseline_wins(self) -> bool:
        if self.baseline_value is None:
            return False
        return self.baseline_value <= self.value if lower_is_better(self.metric) else self.baseline_value >= self.value


class ErrorCurveRow(_Frozen):
    """How the two errors of a model's decisions are traded: at each of some thresholds, as of ErrorCurve. of: the model, or a baseline."""

    task: str
    model: str
    of: str
    false_accept: tuple[float, ...]
    false_reject: tuple[float, ...]
    chosen_accept: float
    chosen_reject: float


class AblationRow(_Frozen):
    """A metric of a class when a component's answers were replaced, on the same requests. difference: variant minus base, a share.

    worse: the whole interval shows worse answers; better: it wholly shows better ones. overrides: 'task=random' or 'task=baseline'.
    """

    overrides: tuple[str, ...]
    request_class: str
    metric: str
    base: float
    variant: float
    difference: Estimate

    @property
    def worse(self) -> bool:
        return self.difference.low > 0 if lower_is_better(self.metric) else self.difference.high < 0

    @property
    def better(self) -> bool:
        return self.difference.high < 0 if lower_is_better(self.metric) else self.difference.low > 0


class Ablation(_Frozen):
    """ablation.json in the directory of the base run."""

    version: Literal[1] = 1
    base: str
    variants: tuple[str, ...]
    rows: tuple[AblationRow, ...]


class ChoiceRow(_Frozen):
    """An arm of a choice: share expected by the spec (of the requests that reach the choice) against the observed one."""

    choice: str
    arm: int
    tasks: tuple[str, ...]
    decided_by: str
    expected: float
    observed: Estimate


class ErrorRow(_Frozen):
    """Requests of one class that did not succeed, by outcome and message (first 120 characters)."""

    request_class: str
    outcome: str
    message: str
    count: int


class OtherWork(_Frozen):
    """A process that was not of the run. cpu_share: of the CPU time of its whole machine during the load."""

    name: str
    cpu_share: float


class MachineRow(_Frozen):
    """One machine over the measured window. Shares of the CPU time of all its processors: busy with anything, with the run's own processes,
    with others, and taken by the hypervisor. pressure: share of the time in which some task waited for a processor; None: not told.
    disturbed: others and steal together. busiest: of the others, a few, the busiest first; only of those that the host sees."""

    host: str
    samples: int
    busy: float
    own: float
    others: float
    steal: float
    pressure: float | None
    disturbed: float
    busiest: tuple[OtherWork, ...] = ()


class ResourceRow(_Frozen):
    """A process over the measured window. CPU as a fraction of one core."""

    process: str
    role: str
    cpu_mean: float
    cpu_max: float
    rss_max_mib: float


class TrafficRow(_Frozen):
    """Requests and answers. Rates per second over the measured window; shares of the class mix."""

    request_class: str
    expected_share: float
    scheduled: int
    ok: int
    failed: int
    not_sent: int
    rate_intended: float
    rate_answered: float


class ArrivalRow(_Frozen):
    """The arrivals as intended and as sent. lateness: sent minus intended, ms."""

    nominal_rate: float | None
    intended_cv: float
    intended_ks_p: float | None
    sent_cv: float
    sent_ks_p: float | None
    sent_chi2_p: float | None
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float
    in_flight_max: int
    in_flight_mean: float


class HostRow(_Frozen):
    """A host of a cluster and the parts that it ran."""

    host: str
    cpu: str
    cores: int
    memory_mib: int
    parts: tuple[str, ...]


class GeneratorRow(_Frozen):
    """One of several query generators; figures None: it has none."""

    host: str
    shard: int
    shards: int
    figures: GeneratorInfo | None


class ClockRow(_Frozen):
    """A planner's clock compared with a generator's, in ms. error: the largest error of a time converted to the planner's clock."""

    host: str
    planner: str
    offset_ms: float
    uncertainty_ms: float
    drift_ms: float | None
    error_ms: float


class TimelineRow(_Frozen):
    """The requests of one second, by their intended time, counted from the start of the measured window; latencies of the successful
    ones."""

    second: int
    asked: int
    failed: int
    p50_ms: float | None
    max_ms: float | None


class Fault(_Frozen):
    """A fault that was expected, and what users noticed. parts: what died or was restarted according to the hosts, what degraded according
    to the records, and what failed after the response.

    first_failed_s: the first second with a failed request; well_s: the first from which on all succeed; calm_s: the first from which on, in
    addition, none takes more than twice as long as before the fault. None: never.
    """

    text: str
    parts: tuple[str, ...]
    failed: int
    asked: int
    first_failed_s: int | None
    well_s: int | None
    calm_s: int | None
    seconds: tuple[TimelineRow, ...]


class ReferenceRow(_Frozen):
    """A published or recorded figure beside the measured one. gated: it takes part in the verdict."""

    title: str
    what: str
    unit: str
    reference: float
    within: float
    measured: Estimate | None
    gated: bool


class Fact(_Frozen):
    name: str
    value: str


class Provenance(_Frozen):
    data: str
    part: str
    origin: str
    source: str
    note: str


class Reason(_Frozen):
    """Why a run is INVALID. code: a key of validity.REASONS; limit and observed as text with their units."""

    code: str
    name: str
    observed: str
    limit: str
    hint: str


class Check(_Frozen):
    """A check that makes a run INVALID if it fails. code: a key of validity.REASONS."""

    code: str
    name: str
    ok: bool
    observed: str
    limit: str


class Judgement(_Frozen):
    """One slo, quality target, reference item or invariant of a state. observed, with its interval, in the item's own unit; reason says why
    this status."""

    group: Literal["slo", "quality", "reference", "invariant"]
    title: str
    what: str
    target: str
    status: Status
    observed: str
    reason: str


class Verdict(_Frozen):
    """verdict.json. root: the SHA-256 of the run's hashes.json, 64 hexadecimal digits; '' of a run that is not bound. fault: one that was
    expected, '' if none was. exported_from: of an export, the root of the run that it was made from; its quality is that of kept scores."""

    version: Literal[1] = VERDICT_VERSION
    run_id: str
    root: str = ""
    valid: bool
    reasons: tuple[Reason, ...]
    checks: tuple[Check, ...]
    limits: dict[str, float]
    judgements: tuple[Judgement, ...]
    fingerprint: str
    exit_code: int
    fault: str = ""
    exported_from: str = ""


class Report(_Frozen):
    """report.json: everything that the page shows, without the pictures."""

    version: Literal[1] = REPORT_VERSION
    run_id: str
    scenario: str
    title: str
    outcome: str
    synthetic: bool
    overrides: tuple[str, ...]
    verdict: Verdict
    facts: tuple[Fact, ...]
    traffic: tuple[TrafficRow, ...]
    arrivals: ArrivalRow
    latency: tuple[LatencyRow, ...]
    ratios: tuple[RatioRow, ...]
    fractions: tuple[FractionRow, ...]
    paths: tuple[PathRow, ...]
    planner: PlannerRow | None
    prediction: tuple[PredictionRow, ...] = ()
    quality: tuple[QualityRow, ...]
    models: tuple[ModelQualityRow, ...]
    error_curves: tuple[ErrorCurveRow, ...] = ()
    ablation: tuple[AblationRow, ...]
    choices: tuple[ChoiceRow, ...]
    errors: tuple[ErrorRow, ...]
    resources: tuple[ResourceRow, ...]
    machines: tuple[MachineRow, ...]
    references: tuple[ReferenceRow, ...]
    provenance: tuple[Provenance, ...]
    licences: tuple[Fact, ...]
    fingerprint: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    commands: tuple[str, ...]
    notes: tuple[str, ...]
    hosts: tuple[HostRow, ...] = ()
    generators: tuple[GeneratorRow, ...] = ()
    clocks: tuple[ClockRow, ...] = ()
    frames: tuple[FrameRow, ...] = ()
    moved_streams: tuple[MovedStreamRow, ...] = ()
    fault: Fault | None = None
