# ruff: noqa: E501  (a table: one definition a line)
"""DEFINITIONS: what every figure of report.json, verdict.json, ablation.json and audit.json is. The published schemas name them, the page
lists and links them.

An id is a class of report/model.py or report/audit.py (or of what they hold) and its field; a test compares them with the schema: no number
without one.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

MEASURED = "measured requests"
OK = "measured requests that succeeded"
CALLS = "calls of measured requests, neither cancelled nor of the warm-up"
WINDOW = "samples within the measured window"


@dataclass(frozen=True)
class Definition:
    """of: what it is computed from. formula: how; source: of the method, '' where it is plain counting. shown: 'table/column' of the page
    in which it stands, the column as a pattern."""

    id: str
    name: str
    unit: str
    of: str
    formula: str
    source: str = ""
    shown: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        return f"def-{self.id}"

    @property
    def text(self) -> str:
        source = f" Source: {self.source}." if self.source else ""
        return f"{self.name}, in {self.unit}. Of {self.of}: {self.formula}.{source}"


_INTERVALS = "report/statistics.py, named in `method`"
_MS, _REQUESTS, _SHARE, _CORE, _RATE, _COUNT = "ms", "requests", "share of 1", "cores", "1/s", "a number"

# fmt: off
DEFINITIONS: tuple[Definition, ...] = (
    Definition("Estimate.value", "estimate", "the unit of its row", "the samples of its row", "the statistic that its row names"),
    Definition("Estimate.low", "lower end of the 95 % interval", "the unit of its row", "the samples of its row", "as `method` says, with dependence allowed for", _INTERVALS),
    Definition("Estimate.high", "upper end of the 95 % interval", "the unit of its row", "the samples of its row", "as `method` says, with dependence allowed for", _INTERVALS),
    Definition("Estimate.n", "samples", "samples", "the rows of records that the estimate is made of", "their number"),
    Definition("Estimate.se", "standard error", "the scale of the method (log for percentiles and means)", "the samples of its row", "as `method` says", _INTERVALS),
    Definition("BeyondAnswers.value", "percentile that may lie among failures", _MS, "answers and failures, these infinite", "the p-quantile; none where it is a failure"),
    Definition("BeyondAnswers.low", "lower end of its 95 % interval", _MS, "answers and failures, these infinite", "as of the percentile; none where it is a failure"),
    Definition("BeyondAnswers.n", "answers and failures", "samples", "the requests or calls of the row", "their number"),
    Definition("BeyondAnswers.failed", "failures", "samples", "the requests or calls of the row", "how many failed"),
    Definition("Percentile.p", "which percentile", "percent", "the plan's metrics, slo and references", "as written there, else 50, 90 and 99"),
    Definition("Percentile.estimate", "percentile of latency", _MS, "as of LatencyRow.percentiles", "the p-quantile; none where its interval is not bounded by answers, or samples are too few"),
    Definition("Percentile.needed", "samples needed", "samples", "p", "20 / (1 − p/100), rounded up", "at least 20 samples lie beyond a percentile that is shown"),
    Definition("LatencyRow.n", "successful requests or calls", _COUNT, "the requests or calls of the row", "those with outcome ok", shown=("latency/samples",)),
    Definition("LatencyRow.failed", "failed beside them", _COUNT, "the requests or calls of the row", "those that failed, timed out or were never sent", shown=("latency/failed",)),
    Definition("LatencyRow.mean", "mean latency", _MS, "successful requests (done − intended) or calls (end − start) of the row", "arithmetic mean", shown=("latency/mean",)),
    Definition("LatencyRow.percentiles", "percentiles of latency", _MS, "all requests (done − intended) or calls (end − start) of the row, failures infinite", "the p-quantile", "from the intended time, against coordinated omission (G. Tene)", ("latency/p[0-9]*",)),
    Definition("RatioRow.p", "which percentile", "percent", "the shown percentiles", "as of Percentile.p"),
    Definition("RatioRow.estimate", "whole path over component", "a ratio", f"{MEASURED} and {CALLS}", "p-quantile of the whole path / p-quantile of the task, over the same batches", shown=("ratios/p*",)),
    Definition("FractionRow.all_calls", "fraction of the time of all calls", _SHARE, f"successful calls before the response, of {OK}", "Σ (end − start) of AI (or of other) calls / Σ (end − start)", shown=("fractions/fraction of all*",)),
    Definition("FractionRow.on_path", "fraction on the critical path", _SHARE, f"calls on the critical paths of {OK}", "Σ (end − start) of AI (or of other) calls / Σ (end − start)", shown=("fractions/fraction on*",)),
    Definition("FractionRow.mean_ms", "time per request", _MS, f"successful calls before the response, of {OK}", "Σ (end − start) of AI (or of other) calls / requests", shown=("fractions/mean*",)),
    Definition("PathRow.requests", "how often a task lies on the critical path", _SHARE, f"{OK} of the class", "requests with it on their critical path / requests", "report/critical_path.py: back from the call that completed the response, each time to what was waited for", ("paths/on the path of",)),
    Definition("PathRow.time", "its part of the response time", _SHARE, f"critical paths of {OK} of the class", "Σ (end − start) of its calls / Σ response time", shown=("paths/fraction of time",)),
    Definition("PathRow.mean_ms", "its time per request", _MS, f"critical paths of {OK} of the class", "Σ (end − start) of its calls / requests", shown=("paths/mean*",)),
    Definition("PathRow.queue_ms", "of it, waiting at the server", _MS, f"critical paths of {OK} of the class", "Σ queue / requests, as the server measured it", shown=("paths/queue*",)),
    Definition("PathRow.service_ms", "of it, at work", _MS, f"critical paths of {OK} of the class", "Σ service / requests, as the server measured it", shown=("paths/service*",)),
    Definition("PathRow.transport_ms", "of it, the rest", _MS, f"critical paths of {OK} of the class", "mean − queue − service", shown=("paths/transport*",)),
    Definition("PlannerRow.requests", "requests with a critical path", _REQUESTS, OK, "their number", shown=("planner/requests",)),
    Definition("PlannerRow.overhead_p50_ms", "planner overhead, median", _MS, OK, "median of (response time − Σ calls on the critical path)", shown=("planner/overhead p50*",)),
    Definition("PlannerRow.overhead_mean_ms", "planner overhead, mean", _MS, OK, "mean of (response time − Σ calls on the critical path)", shown=("planner/overhead mean*",)),
    Definition("PlannerRow.per_hop_p50_ms", "planner overhead per call, median", _MS, OK, "median of overhead / calls on the critical path", shown=("planner/per hop*",)),
    Definition("PlannerRow.hops_mean", "calls on the critical path", _COUNT, OK, "mean", shown=("planner/hops*",)),
    Definition("PlannerRow.queue_p50_ms", "from receipt to the first call, median", _MS, OK, "median of planner_queue_ns", shown=("planner/queue*",)),
    Definition("PlannerRow.cpu_share", "CPU of the most loaded planner", _CORE, WINDOW, "largest of the planners' mean cpu_share", shown=("planner/CPU*",)),
    Definition("PredictionRow.predicted_ms", "predicted latency", _MS, "the distilled graph and the tasks' mean service times", "exponential service, no queueing, transport or planner", shown=("prediction/predicted*",)),
    Definition("PredictionRow.measured", "measured latency", _MS, MEASURED, "as in the row of the whole path", shown=("prediction/measured*",)),
    Definition("QualityRow.estimate", "quality of the answers", "the metric's unit (a share unless it has another)", "requests with truth; a failed one is an empty answer", "mean of the metric over them, or the metric over all", "metrics.py, which cites each metric", ("quality/value*",)),
    Definition("QualityRow.requests", "requests that were scored", _REQUESTS, "requests with truth, supplements in the rows of classes", "their number", shown=("quality/requests",)),
    Definition("QualityRow.failed", "of them failed", _REQUESTS, "requests with truth", "those that did not succeed", shown=("quality/failed",)),
    Definition("QualityRow.ok_only", "quality of the successful", "the metric's unit", "requests with truth that succeeded", "as of the estimate", shown=("quality/successful*",)),
    Definition("ModelQualityRow.value", "quality of a model", _SHARE, "what `where` and `protocol` say", "the metric", "metrics.py, which cites each metric", ("models/value*",)),
    Definition("ModelQualityRow.low", "lower end of its 95 % interval", _SHARE, "what `where` and `protocol` say", "as `protocol` says"),
    Definition("ModelQualityRow.high", "upper end of its 95 % interval", _SHARE, "what `where` and `protocol` say", "as `protocol` says"),
    Definition("ModelQualityRow.baseline_value", "quality of the simplest rule", _SHARE, "what `protocol` says", "the metric, by the same protocol", shown=("models/baseline*",)),
    Definition("ModelQualityRow.n", "calls with a known label", _COUNT, "calls of this run", "their number; none of what was measured in training"),
    Definition("ErrorCurveRow.false_accept", "wrongly accepted", _SHARE, "held-out trials to refuse", "those whose score reaches the threshold, at falling thresholds", "ISO/IEC 19795-1:2021"),
    Definition("ErrorCurveRow.false_reject", "wrongly refused", _SHARE, "held-out trials to accept", "those whose score does not reach it, at the same thresholds", "ISO/IEC 19795-1:2021"),
    Definition("ErrorCurveRow.chosen_accept", "wrongly accepted where it decides", _SHARE, "held-out trials to refuse", "those whose score reaches the threshold chosen on other persons", "ISO/IEC 19795-1:2021"),
    Definition("ErrorCurveRow.chosen_reject", "wrongly refused where it decides", _SHARE, "held-out trials to accept", "those whose score does not reach it", "ISO/IEC 19795-1:2021"),
    Definition("AblationRow.base", "quality of this run", "the metric's unit", "the same requests in both runs", "mean of the metric", shown=("ablation/this run*",)),
    Definition("AblationRow.variant", "quality with replaced answers", "the metric's unit", "the same requests in both runs", "mean of the metric", shown=("ablation/replaced, *",)),
    Definition("AblationRow.difference", "what the component contributes, negated", "the metric's unit", "the same requests in both runs", "mean of (variant − base), paired by request", shown=("ablation/difference*", "ablation/requests")),
    Definition("ChoiceRow.arm", "number of the arm", "from 0, in the plan's order", "the plan", "its place"),
    Definition("ChoiceRow.expected", "expected share", _SHARE, "the spec", "as written there", shown=("choices/expected",)),
    Definition("ChoiceRow.observed", "observed share", _SHARE, f"{OK} and reached the choice", "those that took the arm (of a fallback: that tried it) / all", "Wilson 1927", ("choices/observed*", "choices/requests")),
    Definition("ErrorRow.count", "requests that failed so", _REQUESTS, MEASURED, "those of this class, outcome and message", shown=("errors/requests",)),
    Definition("MachineRow.samples", "samples of a machine", "samples", WINDOW, "their number"),
    Definition("MachineRow.busy", "busy", "share of the CPU time of all processors", WINDOW, "mean of busy_share", "/proc/stat", ("machines/busy",)),
    Definition("MachineRow.own", "busy with this run", "share of the CPU time of all processors", WINDOW, "mean of own_share, over all hosts that are one machine", "control groups and /proc/PID/stat", ("machines/this run",)),
    Definition("MachineRow.others", "busy with other work", "share of the CPU time of all processors", WINDOW, "disturbed − steal", shown=("machines/other work",)),
    Definition("MachineRow.steal", "taken by the hypervisor", "share of the CPU time of all processors", WINDOW, "mean of steal_share", "/proc/stat", ("machines/stolen",)),
    Definition("MachineRow.pressure", "tasks waited for a processor", "share of the time", WINDOW, "mean of pressure_share, where the kernel tells", "/proc/pressure/cpu, `some`", ("machines/tasks waited",)),
    Definition("OtherWork.cpu_share", "taken by one process of others", "share of the CPU time of all processors", "looks at all processes during the load (on hosts every 5 s, within the measured window)", "its CPU time / that of the machine, of the three busiest", "/proc/PID/stat"),
    Definition("MachineRow.disturbed", "not left to this run", "share of the CPU time of all processors", WINDOW, "other work and steal together", "collect/machine_counters.py"),
    Definition("ResourceRow.cpu_mean", "CPU, mean", _CORE, WINDOW, "mean of cpu_share", shown=("resources/CPU mean",)),
    Definition("ResourceRow.cpu_max", "CPU, most", _CORE, WINDOW, "largest cpu_share", shown=("resources/CPU max",)),
    Definition("ResourceRow.rss_max_mib", "resident memory, most", "MiB", WINDOW, "largest rss_bytes / 2²⁰", shown=("resources/resident*",)),
    Definition("TrafficRow.expected_share", "expected share of the class", _SHARE, "the plan", "as written there", shown=("traffic/expected*",)),
    Definition("TrafficRow.scheduled", "scheduled", _REQUESTS, MEASURED, "their number", shown=("traffic/scheduled",)),
    Definition("TrafficRow.ok", "answered", _REQUESTS, MEASURED, "those with outcome ok", shown=("traffic/answered",)),
    Definition("TrafficRow.failed", "failed or timed out", _REQUESTS, MEASURED, "those with outcome failed or timeout", shown=("traffic/failed",)),
    Definition("TrafficRow.not_sent", "never sent", _REQUESTS, MEASURED, "those with outcome not_sent", shown=("traffic/not sent",)),
    Definition("TrafficRow.rate_intended", "offered rate", _RATE, MEASURED, "scheduled / length of the window", shown=("traffic/intended*",)),
    Definition("TrafficRow.rate_answered", "answered rate", _RATE, MEASURED, "answered / length of the window", shown=("traffic/answered /s",)),
    Definition("ArrivalRow.nominal_rate", "declared rate", _RATE, "the plan", "of a Poisson load, as written there"),
    Definition("ArrivalRow.intended_cv", "variation of the intended gaps", "a ratio", f"intended times of {MEASURED}", "standard deviation / mean of the gaps; 1 of a Poisson process", shown=("arrivals/coefficient*",)),
    Definition("ArrivalRow.intended_ks_p", "fit of the intended gaps", "probability", f"intended times of {MEASURED}", "p of the Kolmogorov–Smirnov test against the exponential distribution of the declared rate", shown=("arrivals/Kolmogorov*",)),
    Definition("ArrivalRow.sent_cv", "variation of the gaps as sent", "a ratio", f"sent times of {MEASURED}", "standard deviation / mean of the gaps"),
    Definition("ArrivalRow.sent_ks_p", "fit of the gaps as sent", "probability", f"sent times of {MEASURED}", "as of the intended gaps"),
    Definition("ArrivalRow.sent_chi2_p", "fit of the gaps as sent, by bins", "probability", f"sent times of {MEASURED}", "p of the χ² test in 10 bins that are equally likely in the exponential distribution of the declared rate", shown=("arrivals/chi*",)),
    Definition("ArrivalRow.lateness_p50_ms", "lateness, median", _MS, f"{MEASURED} that were sent", "median of (sent − intended)", shown=("arrivals/lateness*",)),
    Definition("ArrivalRow.lateness_p99_ms", "lateness, p99", _MS, f"{MEASURED} that were sent", "0.99-quantile of (sent − intended)"),
    Definition("ArrivalRow.lateness_max_ms", "lateness, most", _MS, f"{MEASURED} that were sent", "largest (sent − intended)"),
    Definition("ArrivalRow.in_flight_max", "in flight, most", _REQUESTS, f"{MEASURED} that were sent", "largest number sent and not yet done", shown=("arrivals/in flight*",)),
    Definition("ArrivalRow.in_flight_mean", "in flight, mean", _REQUESTS, f"{MEASURED} that were sent", "mean over time of the number sent and not yet done"),
    Definition("FrameRow.deadline_ms", "deadline", _MS, "the plan", "of the class, as written there; none: no deadline, or several", shown=("frames/deadline*",)),
    Definition("FrameRow.frames", "frames", _REQUESTS, MEASURED, "those of the class or stream", shown=("frames/frames",)),
    Definition("FrameRow.missed", "frames missed", _SHARE, f"{MEASURED} with a deadline", "answered with (done − intended) > deadline / all", "report/statistics.py, `share`", shown=("frames/missed*",)),
    Definition("FrameRow.dropped", "frames dropped", _SHARE, MEASURED, "failed, timed out or never sent / all", "report/statistics.py, `share`", shown=("frames/dropped*",)),
    Definition("FrameRow.jitter", "jitter", _MS, "answered frames of streams", "mean of |L(k) − L(k − 1)|, L: (done − intended) of consecutive answered frames of a stream", "RFC 3550, section 6.4.1: D, not smoothed", shown=("frames/jitter*",)),
    Definition("MovedStreamRow.stream", "stream", "from 0", "the schedule", "its number"),
    Definition("MovedStreamRow.moves", "moves", _COUNT, "successful calls of the task, by their start", "how often another replica answered than before", shown=("moved/moves",)),
    Definition("HostRow.cores", "processors", _COUNT, "what the host says", "those that this run may use", shown=("hosts/cores",)),
    Definition("HostRow.memory_mib", "memory", "MiB", "what the host says", "rounded to 256 MiB", shown=("hosts/memory*",)),
    Definition("GeneratorRow.shard", "number of the shard", "from 0", "the deployment", "its place"),
    Definition("GeneratorRow.shards", "shards", _COUNT, "the deployment", "the number of generators"),
    Definition("GeneratorInfo.scheduled", "scheduled", _REQUESTS, "the generator's own count", "of the measured (or supplement) phase"),
    Definition("GeneratorInfo.sent", "sent", _REQUESTS, "the generator's own count", "of the phase", shown=("generators/sent",)),
    Definition("GeneratorInfo.dropped", "scheduled but not sent", _REQUESTS, "the generator's own count", "of the phase", shown=("generators/not sent",)),
    Definition("GeneratorInfo.lateness_p50_ns", "lateness, median", "ns", "the generator's own times", "median of (sent − intended)", shown=("generators/lateness*",)),
    Definition("GeneratorInfo.lateness_p99_ns", "lateness, p99", "ns", "the generator's own times", "0.99-quantile of (sent − intended)", shown=("generators/p99*",)),
    Definition("GeneratorInfo.lateness_max_ns", "lateness, most", "ns", "the generator's own times", "largest (sent − intended)", shown=("generators/max*",)),
    Definition("GeneratorInfo.cpu_share", "CPU", _CORE, "the generator's process", "CPU time / time, over the phase", shown=("generators/CPU",)),
    Definition("GeneratorInfo.in_flight_max", "in flight, most", _REQUESTS, "the generator's own count", "largest number sent and not yet done"),
    Definition("GeneratorInfo.in_flight_limit", "limit of those in flight", _REQUESTS, "the generator", "none: no limit"),
    Definition("ClockRow.offset_ms", "offset of the clocks", _MS, "32 exchanges before the load", "planner's clock − generator's, at the smallest round trip", "Mills, RFC 5905", ("clocks/offset*",)),
    Definition("ClockRow.uncertainty_ms", "its uncertainty", _MS, "the exchanges before and after the load", "half of the smallest round trip, the larger of both", shown=("clocks/uncertainty*",)),
    Definition("ClockRow.drift_ms", "drift of the clocks", _MS, "the exchanges before and after the load", "offset after − offset before", shown=("clocks/drift*",)),
    Definition("ClockRow.error_ms", "largest error of a converted time", _MS, "the exchanges before and after the load", "uncertainty + half of the drift", shown=("clocks/largest*",)),
    Definition("TimelineRow.second", "second of the window", "s", MEASURED, "intended time, from the start of the window", shown=("timeline/second",)),
    Definition("TimelineRow.asked", "requests of a second", _REQUESTS, MEASURED, "those intended for it", shown=("timeline/requests",)),
    Definition("TimelineRow.failed", "of them failed", _REQUESTS, MEASURED, "those that did not succeed", shown=("timeline/failed",)),
    Definition("TimelineRow.p50_ms", "median latency of a second", _MS, OK, "median of (done − intended)", shown=("timeline/median*",)),
    Definition("TimelineRow.max_ms", "largest latency of a second", _MS, OK, "largest (done − intended)", shown=("timeline/slowest*",)),
    Definition("Fault.failed", "failed in all", _REQUESTS, MEASURED, "those that did not succeed"),
    Definition("Fault.asked", "requests in all", _REQUESTS, MEASURED, "their number"),
    Definition("Fault.first_failed_s", "first second with a failure", "s", MEASURED, "from the start of the window; none: no failure"),
    Definition("Fault.well_s", "second from which all succeed", "s", MEASURED, "the first after the last failure; none: never"),
    Definition("Fault.calm_s", "second from which latency is as before", "s", MEASURED, "the first from which on none takes over twice the largest before the fault; none: never"),
    Definition("ReferenceRow.reference", "figure of the reference", "`unit` (% as a share of 1)", "the spec or a reference file", "as written there", shown=("references/reference value",)),
    Definition("ReferenceRow.within", "tolerance of the reference", "share of the reference", "the spec or a reference file", "as written there"),
    Definition("ReferenceRow.measured", "the same figure here", "`unit` (% as a share of 1)", "this run", "as in the rows of latency, ratios and fractions", shown=("references/measured*",)),
    Definition("Answers.asked", "requests asked again", _REQUESTS, "a sample of the measured requests", "their number"),
    Definition("Answers.compared", "requests compared", _REQUESTS, "requests asked again", "those answered both times that took the same arms"),
    Definition("Answers.equal", "answered as in the run", _REQUESTS, "requests compared", "those with the same whole answer"),
    Definition("Answers.other_arms", "led elsewhere", _REQUESTS, "requests asked again", "those answered that took other arms"),
    Definition("Answers.failed", "not answered again", _REQUESTS, "requests asked again", "those that did not succeed"),
    Definition("Answers.differing", "answered otherwise", "ids of requests", "requests compared", "the first five whose answers are not equal"),
    Definition("AnswerScores.difference", "quality lost or gained by load, negated", "the metric's unit", "requests compared whose truth is known", "mean of (again − under load), paired by request; whole clusters drawn"),
    Definition("AnswerScores.tolerance", "what the interval may reach", "the metric's unit", "experiments/audit/judging.py", "0.02 × the metric's range"),
    Definition("Repeats.payloads", "payloads compared", _COUNT, "payloads asked several times", "those whose first time and a repeat succeeded on the same arms"),
    Definition("Repeats.other_arms", "repeats that led elsewhere", _REQUESTS, "repeats that succeeded", "those that took other arms than the first time"),
    Definition("Repeats.ratio", "repeat over first time", "a ratio of times", "payloads compared", "geometric mean of (repeats / first time), their own mean log each", "Student's t on log ratios; MLPerf's compliance test TEST04"),
    Definition("Repeats.limit", "below it something remembers", "a ratio of times", "experiments/audit/judging.py", "0.8 of requests, 0.5 of a component's calls"),
    Definition("Repeats.share", "part of the component in the time", _SHARE, "first requests of payloads", "time of its calls / time of the requests; none: a class"),
    Definition("Verdict.limits", "limits of the validity checks", "that of each check", "report/validity.py", "constants, explained by `aibenchc explain V01` and so on"),
    Definition("Verdict.exit_code", "exit code of `validate`", _COUNT, "validity and judgements", "3 INVALID, else 1 FAIL, else 4 INCONCLUSIVE, else 0"),
)
# fmt: on

BY_ID: Mapping[str, Definition] = {definition.id: definition for definition in DEFINITIONS}


def definition_of(table: str, column: str) -> Definition | None:
    """The definition of the figures in a column of the page: the most exact of the patterns that fit it."""
    place = f"{table}/{column}"
    fitting = [(len(pattern), d) for d in DEFINITIONS for pattern in d.shown if fnmatch.fnmatchcase(place, pattern)]
    return max(fitting, key=lambda found: found[0])[1] if fitting else None
