"""The report as tables: plain text cells, no rendering. The command line and the HTML page draw these, so that both say the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aibenchrt.figure_format import number, percent
from aibenchrt.metrics import SHARE
from aibenchrt.metrics import metric as metric_of
from aibenchrt.report.frame_tables import FRAME_COLUMNS, MOVED_COLUMNS, frame_cells, moved_cells
from aibenchrt.report.host_tables import clock_cells, generator_cells, host_cells, timeline_cells
from aibenchrt.report.legends import LEGENDS
from aibenchrt.report.machines import busiest
from aibenchrt.report.model import BEYOND, AblationRow, BeyondAnswers, Estimate, Judgement, LatencyRow, Percentile, PredictionRow, Report

ABSENT = "–"


@dataclass(frozen=True)
class Table:
    """rows: cells as text, as many as columns. numeric: indexes of columns to align right. legend: what every column means."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: str
    numeric: tuple[int, ...] = ()


def interval(estimate: Estimate | None, scale: float = 1.0) -> str:
    """'12.30 [11.90, 12.80]', or – where there is none."""
    if estimate is None:
        return ABSENT
    return f"{number(estimate.value * scale)} [{number(estimate.low * scale)}, {number(estimate.high * scale)}]"


def percentile_interval(percentile: Percentile) -> str:
    """'12.30 [11.90, 12.80]'; '12.30 [11.90, beyond all answers]', 'beyond all answers, at least 11.90' or 'beyond all answers' where it
    reaches into the failures; – below the samples that it needs."""
    return _beyond(percentile.beyond) if percentile.beyond else interval(percentile.estimate)


def _beyond(beyond: BeyondAnswers) -> str:
    if beyond.low is None:
        return BEYOND
    return (
        f"{BEYOND}, at least {number(beyond.low)}" if beyond.value is None else f"{number(beyond.value)} [{number(beyond.low)}, {BEYOND}]"
    )


def measured(metric: str, value: Estimate | float | None) -> str:
    """A value of a quality metric: of a share in percent, without the sign, else with its unit; – where there is none."""
    row = metric_of(metric)
    scale, unit = (100.0, "") if row is None or row.unit == SHARE else (row.scale, f" {row.unit}")
    if value is None:
        return ABSENT
    return (number(value * scale) if isinstance(value, float) else interval(value, scale)) + unit


def tables(report: Report) -> tuple[Table, ...]:
    """Every table of the report, in its order; empty ones are left out."""
    made = (
        timeline_table(report),
        judgement_table(report.verdict.judgements),
        latency_table(report),
        frame_table(report),
        moved_stream_table(report),
        quality_table(report),
        model_table(report),
        ablation_table(report.ablation),
        reference_table(report),
        ratio_table(report),
        fraction_table(report),
        path_table(report),
        planner_table(report),
        prediction_table(report),
        traffic_table(report),
        arrival_table(report),
        error_table(report),
        choice_table(report),
        resource_table(report),
        machine_table(report),
        generator_table(report),
        clock_table(report),
        host_table(report),
        validity_table(report),
        provenance_table(report),
    )
    return tuple(table for table in made if table.rows)


def summary_tables(report: Report) -> tuple[Table, ...]:
    """What a run is judged by, its traffic, and its latency without that of the components; empty ones are left out."""
    paths = tuple(row for row in report.latency if row.scope != "component")
    made = (
        timeline_table(report),
        error_table(report),
        traffic_table(report),
        latency_table(report.model_copy(update={"latency": paths})),
        frame_table(report),
        moved_stream_table(report),
        judgement_table(report.verdict.judgements),
    )
    return tuple(table for table in made if table.rows)


def judgement_table(judgements: Iterable[Judgement]) -> Table:
    return Table(
        "verdict",
        "Targets and references",
        ("what", "of", "target", "measured", "status", "why"),
        tuple((f"{j.group}: {j.what}", j.title, j.target, j.observed, j.status, j.reason) for j in judgements),
        LEGENDS["verdict"],
    )


def latency_table(report: Report) -> Table:
    shown = [q.p for q in report.latency[0].percentiles]
    return Table(
        "latency",
        "Latency, ms",
        ("what", "name", "samples", "failed", "mean", *(f"p{p:g}" for p in shown)),
        tuple(_latency(row) for row in report.latency),
        LEGENDS["latency"],
        tuple(range(2, 5 + len(shown))),
    )


def _latency(row: LatencyRow) -> tuple[str, ...]:
    kind = {"ai": " (AI)", "service": "", "planner": ""}.get(row.kind, "")
    return (
        row.scope,
        row.name + kind + (" after the response" if row.after else ""),
        f"{row.n:,}",
        f"{row.failed:,}",
        interval(row.mean),
        *(percentile_interval(q) if q.estimate or q.beyond else f"– (needs {q.needed:,})" for q in row.percentiles),
    )


def frame_table(report: Report) -> Table:
    return Table("frames", "Frames", FRAME_COLUMNS, tuple(map(frame_cells, report.frames)), LEGENDS["frames"], (2, 3, 4, 5, 6))


def moved_stream_table(report: Report) -> Table:
    rows = tuple(map(moved_cells, report.moved_streams))
    return Table("moved", "Streams that moved to another replica", MOVED_COLUMNS, rows, LEGENDS["moved"], (2,))


def quality_table(report: Report) -> Table:
    return Table(
        "quality",
        "Quality of the answers in this run",
        ("metric", "class", "value, %", "requests", "failed", "successful only, %"),
        tuple(
            (
                q.metric,
                q.request_class,
                measured(q.metric, q.estimate),
                f"{q.requests:,}",
                f"{q.failed:,}",
                measured(q.metric, q.ok_only),
            )
            for q in report.quality
        ),
        LEGENDS["quality"],
        (2, 3, 4, 5),
    )


def model_table(report: Report) -> Table:
    rows = []
    for m in report.models:
        base = ABSENT if m.baseline_value is None else f"{number(100 * m.baseline_value)} ({m.baseline})"
        bounds = "" if m.low is None or m.high is None else f" [{number(100 * m.low)}, {number(100 * m.high)}]"
        note = "baseline wins" if m.baseline_wins else ""
        rows.append((m.task, m.model, m.metric, m.where, number(100 * m.value) + bounds, base, note, m.protocol))
    return Table(
        "models",
        "Quality of each model",
        ("task", "model", "metric", "where", "value, %", "baseline, %", "note", "protocol"),
        tuple(rows),
        LEGENDS["models"],
        (4, 5),
    )


def ablation_table(ablation: Sequence[AblationRow]) -> Table:
    def says(row: AblationRow) -> str:
        if row.better:
            return "baseline wins" if any(o.endswith("=baseline") for o in row.overrides) else "better"
        return "worse" if row.worse else "no difference seen"

    return Table(
        "ablation",
        "Contribution of each component",
        ("replaced", "metric", "class", "this run, %", "replaced, %", "difference, points", "requests", "result"),
        tuple(
            (
                ", ".join(row.overrides),
                row.metric,
                row.request_class,
                measured(row.metric, row.base),
                measured(row.metric, row.variant),
                measured(row.metric, row.difference),
                f"{row.difference.n:,}",
                says(row),
            )
            for row in ablation
        ),
        LEGENDS["ablation"],
        (3, 4, 5, 6),
    )


def reference_table(report: Report) -> Table:
    def value(x: float, unit: str) -> str:
        return f"{number(x * (100 if unit == '%' else 1))} {unit}"

    return Table(
        "references",
        "Published and recorded figures beside this run",
        ("figure", "reference", "reference value", "measured here", "use"),
        tuple(
            (
                r.what,
                r.title,
                value(r.reference, r.unit),
                ABSENT if r.measured is None else f"{interval(r.measured, 100 if r.unit == '%' else 1)} {r.unit}",
                "judged" if r.gated else "shown, never gated",
            )
            for r in report.references
        ),
        LEGENDS["references"],
        (2, 3),
    )


def ratio_table(report: Report) -> Table:
    ps = sorted({r.p for r in report.ratios})
    names = list(dict.fromkeys((r.task, r.kind) for r in report.ratios))
    ratios = {(r.task, r.p): r.estimate for r in report.ratios}
    return Table(
        "ratios",
        "Whole path over component",
        ("component", *(f"p{p:g} of the path ÷ p{p:g} of the component" for p in ps)),
        tuple((f"{t}{' (AI)' if k == 'ai' else ''}", *(interval(ratios.get((t, p))) for p in ps)) for t, k in names),
        LEGENDS["ratios"],
        tuple(range(1, 1 + len(ps))),
    )


def fraction_table(report: Report) -> Table:
    return Table(
        "fractions",
        "Time in AI and other components",
        ("components", "mean per request, ms", "fraction of all calls, %", "fraction on the critical path, %"),
        tuple(
            ("AI" if s.of == "ai" else "non-AI", number(s.mean_ms), interval(s.all_calls, 100), interval(s.on_path, 100))
            for s in report.fractions
        ),
        LEGENDS["fractions"],
        (1, 2, 3),
    )


def path_table(report: Report) -> Table:
    return Table(
        "paths",
        "Critical path",
        ("class", "component", "on the path of", "fraction of time", "mean, ms", "queue, ms", "service, ms", "transport, ms"),
        tuple(
            (
                r.request_class,
                r.task + (" (AI)" if r.kind == "ai" else ""),
                percent(r.requests),
                percent(r.time),
                number(r.mean_ms),
                *([number(r.queue_ms), number(r.service_ms), number(r.transport_ms)] if r.kind != "planner" else [ABSENT] * 3),
            )
            for r in report.paths
        ),
        LEGENDS["paths"],
        (2, 3, 4, 5, 6, 7),
    )


def planner_table(report: Report) -> Table:
    p = report.planner
    rows: tuple[tuple[str, ...], ...] = ()
    if p is not None:
        cpu = ABSENT if p.cpu_share is None else percent(p.cpu_share)
        cells = (p.overhead_p50_ms, p.overhead_mean_ms, p.per_hop_p50_ms, p.hops_mean, p.queue_p50_ms)
        rows = ((f"{p.requests:,}", *(number(c) for c in cells), cpu),)
    columns = (
        "requests",
        "overhead p50, ms",
        "overhead mean, ms",
        "per hop p50, ms",
        "hops, mean",
        "queue p50, ms",
        "CPU of the most loaded planner",
    )
    return Table(
        "planner",
        "Planner overhead",
        columns,
        rows,
        LEGENDS["planner"],
        tuple(range(7)),
    )


def prediction_table(report: Report) -> Table:
    def times(row: PredictionRow) -> str:
        return ABSENT if row.measured is None or not row.predicted_ms else number(row.measured.value / row.predicted_ms)

    return Table(
        "prediction",
        "Predicted and measured latency of the whole path",
        ("figure", "predicted from service times, ms", "measured, ms", "measured ÷ predicted"),
        tuple((row.figure, number(row.predicted_ms), interval(row.measured), times(row)) for row in report.prediction),
        LEGENDS["prediction"],
        (1, 2, 3),
    )


def traffic_table(report: Report) -> Table:
    return Table(
        "traffic",
        "Requests",
        ("class", "expected share", "scheduled", "answered", "failed", "not sent", "intended /s", "answered /s"),
        tuple(
            (
                t.request_class,
                percent(t.expected_share, 2),
                f"{t.scheduled:,}",
                f"{t.ok:,}",
                f"{t.failed:,}",
                f"{t.not_sent:,}",
                number(t.rate_intended),
                number(t.rate_answered),
            )
            for t in report.traffic
        ),
        LEGENDS["traffic"],
        tuple(range(1, 8)),
    )


def arrival_table(report: Report) -> Table:
    a = report.arrivals

    def p_value(p: float | None) -> str:
        return ABSENT if p is None else number(p)

    in_flight = f"{number(a.in_flight_mean)} / {a.in_flight_max:,}"
    late = " / ".join(number(x) for x in (a.lateness_p50_ms, a.lateness_p99_ms, a.lateness_max_ms))
    return Table(
        "arrivals",
        "Was the schedule kept?",
        ("gaps", "coefficient of variation", "Kolmogorov–Smirnov p", "chi² p", "lateness p50 / p99 / max, ms", "in flight mean / max"),
        (
            ("intended", number(a.intended_cv), p_value(a.intended_ks_p), ABSENT, ABSENT, ABSENT),
            ("sent", number(a.sent_cv), p_value(a.sent_ks_p), p_value(a.sent_chi2_p), late, in_flight),
        ),
        LEGENDS["arrivals"],
        (1, 2, 3, 4, 5),
    )


def error_table(report: Report) -> Table:
    return Table(
        "errors",
        "Errors",
        ("class", "outcome", "message", "requests"),
        tuple((e.request_class, e.outcome, e.message, f"{e.count:,}") for e in report.errors),
        LEGENDS["errors"],
        (3,),
    )


def choice_table(report: Report) -> Table:
    return Table(
        "choices",
        "Choices: expected and observed shares",
        ("choice", "arm", "leads to", "decided by", "expected", "observed, %", "requests", "agreement"),
        tuple(
            (
                c.choice,
                str(c.arm),
                ", ".join(c.tasks) or ABSENT,
                c.decided_by,
                percent(c.expected),
                interval(c.observed, 100),
                f"{c.observed.n:,}",
                "agrees" if c.observed.low <= c.expected <= c.observed.high else "differs",
            )
            for c in report.choices
        ),
        LEGENDS["choices"],
        (4, 5, 6),
    )


def resource_table(report: Report) -> Table:
    return Table(
        "resources",
        "Processes",
        ("process", "role", "CPU mean", "CPU max", "resident max, MiB"),
        tuple((r.process, r.role, percent(r.cpu_mean, 0), percent(r.cpu_max, 0), f"{r.rss_max_mib:,.0f}") for r in report.resources),
        LEGENDS["resources"],
        (2, 3, 4),
    )


def machine_table(report: Report) -> Table:
    def waited(share: float | None) -> str:
        return ABSENT if share is None else percent(share)

    return Table(
        "machines",
        "Machines",
        ("host", "busy", "this run", "other work", "stolen", "tasks waited", "busiest others"),
        tuple(
            (m.host, percent(m.busy), percent(m.own), percent(m.others), percent(m.steal), waited(m.pressure), busiest(m) or ABSENT)
            for m in report.machines
        ),
        LEGENDS["machines"],
        (1, 2, 3, 4, 5),
    )


def validity_table(report: Report) -> Table:
    return Table(
        "validity",
        "Validity checks",
        ("INVALID if", "observed", "limit", "check"),
        tuple((f"{c.code} {c.name}", c.observed, c.limit, "passed" if c.ok else "violated") for c in report.verdict.checks),
        LEGENDS["validity"],
    )


def provenance_table(report: Report) -> Table:
    return Table(
        "provenance",
        "Where the data come from",
        ("data set", "part", "origin", "source", "note"),
        tuple((p.data, p.part, p.origin, p.source, p.note) for p in report.provenance),
        LEGENDS["provenance"],
    )


def timeline_table(report: Report) -> Table:
    columns = ("second", "requests", "failed", "median, ms", "slowest, ms")
    return Table("timeline", "Requests around the fault", columns, timeline_cells(report.fault), LEGENDS["timeline"], tuple(range(5)))


def generator_table(report: Report) -> Table:
    columns = ("host", "shard", "sent", "not sent", "lateness p50, ms", "p99, ms", "max, ms", "CPU", "priority")
    return Table("generators", "Query generators", columns, generator_cells(report), LEGENDS["generators"], tuple(range(2, 8)))


def clock_table(report: Report) -> Table:
    columns = ("generator", "planner", "offset, ms", "uncertainty, ms", "drift, ms", "largest error, ms")
    return Table("clocks", "Clocks", columns, clock_cells(report), LEGENDS["clocks"], (2, 3, 4, 5))


def host_table(report: Report) -> Table:
    return Table("hosts", "Hosts", ("host", "CPU", "cores", "memory, MiB", "parts"), host_cells(report), LEGENDS["hosts"], (2, 3))
