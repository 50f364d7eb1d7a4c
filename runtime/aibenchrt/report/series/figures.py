"""From a run directory to its row of a series. What the directory holds may come from anywhere: it is read as every report reads it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aibenchrt.collect.hashes import binding
from aibenchrt.collect.recorded_run import read_model
from aibenchrt.collect.run_info import RUN_FILE, RunInfo, StageEntry
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import make
from aibenchrt.report.make import REPORT_HTML, REPORT_JSON
from aibenchrt.report.model import Report
from aibenchrt.report.series.model import Figures, QualityOf, SeriesRow

SHOWN = (50.0, 90.0)
SERVING = ("planner", "triton", "service")
_SENDING = ("load", "supplement")


def judged(row: SeriesRow, directory: Path) -> SeriesRow:
    """The row of a run that has ended. It is judged here, unless its report is there already and of the files that it holds.

    EnvironmentFailure AIB609: it cannot be read; AIB605: its report cannot be written.
    """
    report = kept_report(directory) or make.report(directory)
    info = read_model(directory / RUN_FILE, RunInfo)
    return SeriesRow(
        spec=row.spec,
        state="judged",
        compiled=row.compiled,
        run=directory.name,
        exit_code=report.verdict.exit_code,
        verdict=report.verdict,
        figures=figures_of(report, info),
    )


def kept_report(directory: Path) -> Report | None:
    """The report that was written of this run, if the run is bound and nothing in it has changed since."""
    if not (directory / REPORT_JSON).is_file() or not (directory / REPORT_HTML).is_file():
        return None
    bound = binding(directory)
    try:
        report: Report = read_model(directory / REPORT_JSON, Report)
    except EnvironmentFailure:
        return None
    return report if bound.root and not bound.changed and report.verdict.root == bound.root else None


def figures_of(report: Report, info: RunInfo) -> Figures:
    whole, traffic = report.latency[0], report.traffic[0]
    serving = sum(row.cpu_mean for row in report.resources if row.role in SERVING)
    code = info.code
    return Figures(
        run_id=report.run_id,
        started_utc=info.started_utc,
        latency=tuple(q for q in whole.percentiles if q.p in SHOWN),
        quality=tuple(QualityOf(request_class=q.request_class, metric=q.metric, estimate=q.estimate) for q in report.quality),
        ai_share=next((fraction.on_path for fraction in report.fractions if fraction.of == "ai"), None),
        memory_mib=sum(row.rss_max_mib for row in report.resources),
        cpu_ms=1000.0 * serving / traffic.rate_answered if traffic.rate_answered else None,
        setup_s=_begun(info.stages),
        load_s=sum(entry.ended_s - entry.started_s for entry in info.stages if entry.name in _SENDING and entry.ended_s is not None),
        whole_s=max((entry.ended_s or entry.started_s for entry in info.stages), default=0.0),
        answered=traffic.ok,
        failed=traffic.failed + traffic.not_sent,
        frames=next((row for row in report.frames if row.scope == "all"), None),
        variants=tuple(sorted({data.variant for data in info.data})),
        hosts=tuple(host.text for host in info.hosts),
        code=f"{code.version}{f' ({code.commit[:12]})' if code.commit else ''}" if code else "",
    )


def _begun(stages: Iterable[StageEntry]) -> float:
    """When the load began; of a run without one, when the last stage began."""
    times = {entry.name: entry.started_s for entry in stages}
    return times.get("load", max(times.values(), default=0.0))
