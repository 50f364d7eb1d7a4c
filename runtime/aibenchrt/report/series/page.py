"""summary.html: a series as one self-contained page in the style of report.html: nothing fetched, one script that sorts its tables.

Run directories may come from anywhere. Their texts are shown as text, links lead to files of our own names in folders whose names are
plain, and every picture is drawn here.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aibenchrt.collect.recorded_run import read_model
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.figure_format import number
from aibenchrt.plan import Plan
from aibenchrt.report.graph_picture import graph_svg
from aibenchrt.report.html import SCRIPT
from aibenchrt.report.make import REPORT_HTML
from aibenchrt.report.model import Judgement
from aibenchrt.report.series.model import SERIES_JSON, SUMMARY_HTML, Series, SeriesRow
from aibenchrt.report.series.overview import overview
from aibenchrt.report.series.tables import (
    INVALID,
    NOT_RUN,
    VALID,
    WAITING,
    covers,
    failing,
    frame_lines,
    percentile,
    series_tables,
    status,
    tally,
    update_text,
    why,
)
from aibenchrt.report.tables import interval, measured
from aibenchrt.report.writing import write_text

TEMPLATE = "series.html.j2"
WAY_OUT = "free space, or name another folder with --runs"
_CLASSES = {VALID: "PASS", INVALID: "FAIL", NOT_RUN: "FAIL", WAITING: "NOT"}


@dataclass(frozen=True)
class Section:
    """A scenario on the page. anchor: its place; quality: rows of (class, metric, value); graph: its picture, '' where there is none.
    report: the address of its report, '' as for graph."""

    anchor: str
    row: SeriesRow
    status: str
    style: str
    why: str
    failing: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    quality: tuple[tuple[str, str, str], ...]
    graph: Markup
    report: str


def write_summary(folder: Path, series: Series) -> Path:
    """Writes series.json and summary.html; returns the page's path. EnvironmentFailure AIB605."""
    write_text(folder / SERIES_JSON, series.model_dump_json(indent=1) + "\n", WAY_OUT)
    write_text(folder / SUMMARY_HTML, page(series, {row.spec: graph_of(folder / row.run) for row in series.judged}), WAY_OUT)
    return folder / SUMMARY_HTML


def graph_of(directory: Path) -> str:
    """The plan of a run, drawn; '' where it cannot be read."""
    try:
        return graph_svg(read_model(directory / "plan.json", Plan))
    except EnvironmentFailure:
        return ""


def page(series: Series, graphs: Mapping[str, str]) -> str:
    """The HTML text. graphs: spec → <svg> element of our own drawing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    sections = [section(number, row, graphs.get(row.spec, "")) for number, row in enumerate(series.rows, 1)]
    return environment.get_template(TEMPLATE).render(
        series=series,
        tally=tally(series),
        mood=mood(series),
        headline=headline(series),
        synthetic=[row.spec for row in series.judged if row.figures and "synthetic" in row.figures.variants],
        tables=series_tables(series),
        sections=sections,
        places={s.row.spec: s for s in sections},
        classes=_CLASSES,
        overview=Markup(overview(series.rows)),
        hosts=tuple(dict.fromkeys(host for row in series.rows if row.figures for host in row.figures.hosts)),
        codes=tuple(dict.fromkeys(row.figures.code for row in series.rows if row.figures and row.figures.code)),
        script=Markup(SCRIPT),
        script_hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
    )


def mood(series: Series) -> str:
    """The class of the banner: of the worst that a row shows."""
    seen = {status(row) for row in series.rows}
    if seen & {INVALID, NOT_RUN, "FAIL"}:
        return "fail"
    return "open" if seen & {WAITING, "INCONCLUSIVE"} else ""


def headline(series: Series) -> tuple[tuple[str, str, str], ...]:
    """What a reader sees first: (figure, what it is, what belongs to it)."""
    judged = [row for row in series.judged if row.verdict and row.figures]
    valid = sum(row.verdict.valid for row in judged if row.verdict)
    statuses = Counter(judgement.status for row in judged for judgement in _judgements(row))
    compiled = [row.compiled for row in series.rows if row.compiled]
    cards = [(f"{valid} of {len(series.rows)}", "scenarios are VALID", tally(series).partition(";")[0])]
    if statuses:
        deciding = sum(statuses.values()) - statuses["NOT COMPARABLE"]
        cards.append((f"{statuses['PASS']} of {deciding}", "targets and references PASS", tally(series).partition("; ")[2]))
    if compiled:
        before, after = sum(c.tasks for c in compiled), sum(c.distilled for c in compiled)
        cards.append((f"{before:,} → {after:,}", "tasks before and after distilling", f"of {len(compiled)} specs"))
        words = [word for c in compiled for word in c.words]
        if words:
            lost = sum(not word.by for word in words)
            cards.append((f"{len(words) - lost} of {len(words)}", "words of the published table", "covered by the distilled graphs"))
    if judged:
        whole = sum(row.figures.whole_s for row in judged if row.figures)
        cards.append(
            (f"{number(whole / 60)} min" if whole >= 60 else f"{whole:.0f} s", "of wall time", "set-up, load and collecting of all runs")
        )
    return tuple(cards)


def _judgements(row: SeriesRow) -> tuple[Judgement, ...]:
    return row.verdict.judgements if row.verdict else ()


def section(place: int, row: SeriesRow, graph: str) -> Section:
    word = status(row)
    quality = row.figures.quality if row.figures else ()
    return Section(
        anchor=f"scenario-{place}",
        row=row,
        status=word,
        style=_CLASSES.get(word, word),
        why=why(row),
        failing=failing(row.verdict) if row.verdict else (),
        facts=tuple(_facts(row)),
        quality=tuple((q.request_class, q.metric, measured(q.metric, q.estimate)) for q in quality),
        graph=Markup(graph),
        report=f"{row.run}/{REPORT_HTML}" if row.state == "judged" and row.run else "",
    )


def _facts(row: SeriesRow) -> list[tuple[str, str]]:
    facts = []
    if figures := row.figures:
        facts += [
            ("latency p50", f"{percentile(figures, 50)} ms"),
            ("latency p90", f"{percentile(figures, 90)} ms"),
            ("AI on the critical path", f"{interval(figures.ai_share, 100.0)} %"),
            ("requests", f"{figures.answered:,} answered, {figures.failed:,} failed or not sent"),
            *([("frames", f"{figures.frames.frames:,}: {', '.join(frame_lines(figures.frames))}")] if figures.frames else []),
            ("memory", f"{figures.memory_mib:,.0f} MiB"),
            ("CPU per request", "–" if figures.cpu_ms is None else f"{number(figures.cpu_ms)} ms"),
            ("time", f"set-up {figures.setup_s:,.0f} s, load {figures.load_s:,.0f} s, whole {figures.whole_s:,.0f} s"),
            ("data", " and ".join(figures.variants)),
        ]
    if compiled := row.compiled:
        facts.append(("tasks", f"{compiled.tasks}, distilled to {compiled.distilled}"))
        facts += [("update", f"{update_text(update)}: {', '.join(update.tasks)}") for update in compiled.updates]
        if compiled.words:
            facts.append((f"of the published “{compiled.published}”", covers(row)))
    if row.figures:
        facts.append(("started", row.figures.started_utc))
    return facts
