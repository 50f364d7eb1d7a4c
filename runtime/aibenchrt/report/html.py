"""The report as one self-contained page: pictures inline, nothing fetched, and no script runs but the one that sorts its tables."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Container, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aibenchrt.figure_format import number, percent
from aibenchrt.report.definitions import DEFINITIONS, definition_of
from aibenchrt.report.host_tables import fault_says
from aibenchrt.report.legends import LEGENDS
from aibenchrt.report.model import BEYOND, Report
from aibenchrt.report.tables import Table, interval, tables
from aibenchrt.report.verdict import counts, export_text

TEMPLATE = "template.html.j2"
SCRIPT = Path(__file__).with_name("sort_tables.js").read_text(encoding="utf-8")
# The files of a run directory that the page links to; names of our own, so that no run directory says where a link leads.
FILES: Mapping[str, str] = {
    "report.json": "this report as data",
    "verdict.json": "the verdict, with every judgement and check",
    "run.json": "what ran: system, versions, seeds, models, data, commands",
    "plan.json": "the plan as it ran",
    "schedule.parquet": "the requests as they were meant to be sent",
    "requests.parquet": "every request: times, outcome, answer",
    "calls.parquet": "every call of a task: times, endpoint, outcome",
    "resources.parquet": "CPU time and memory of every process, twice a second",
    "machine.parquet": "CPU time of the whole machine, twice a second",
    "truth.parquet": "what answers are compared with",
    "state_audits.json": "what was found of the states that the run left behind",
    "export.json": "what this export was made from, what was left out of it, and what replaced",
    "scores.parquet": "the score of each request, kept in place of answers and truth",
    "cluster.json": "how the run on hosts went on, attempt by attempt",
    "journal.json": "the stages of the run and when they ended",
    "logs": "what each process wrote",
}


def page(report: Report, pictures: Mapping[str, str], graph: str, files: Container[str] = ()) -> str:
    """The HTML text. pictures: name → <svg> element; graph: the scenario as an <svg> element; both of our own drawing. files: names of what
    lies beside the page, of which it links to those in FILES."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made: dict[str, Table] = {table.key: table for table in tables(report)}
    return environment.get_template(TEMPLATE).render(
        report=report,
        verdict=report.verdict,
        headline=headline(report),
        fault=fault_says(report.fault) if report.fault else "",
        counts=counts(report.verdict.judgements),
        exported=export_text(report.verdict),
        tables=made,
        pictures={name: Markup(text) for name, text in pictures.items()},
        graph=Markup(graph),
        legends=LEGENDS,
        definitions=DEFINITIONS,
        definition_of=definition_of,
        script=Markup(SCRIPT),
        script_hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
        files=[(name, what) for name, what in FILES.items() if name in files],
    )


def headline(report: Report) -> tuple[tuple[str, str, str], ...]:
    """What a reader sees first: (figure, what it is, its interval or reason)."""
    whole = report.latency[0]
    top = max((q for q in whole.percentiles if q.estimate or q.beyond), key=lambda q: q.p, default=None)
    cards = []
    if top is not None and top.beyond is not None:
        value = BEYOND if top.beyond.value is None else f"{number(top.beyond.value)} ms"
        cards.append((value, f"p{top.p:g} of the whole path", f"the interval reaches into the {top.beyond.failed:,} failures"))
    if top is not None and top.estimate is not None:
        e = top.estimate
        cards.append((f"{number(e.value)} ms", f"p{top.p:g} of the whole path", f"95 % interval {number(e.low)} to {number(e.high)} ms"))
    traffic = report.traffic[0]
    failed = f"{traffic.failed + traffic.not_sent:,} of {traffic.scheduled:,} failed"
    cards.append((f"{number(traffic.rate_answered)} /s", "requests answered", failed))
    for fraction in report.fractions:
        if fraction.of == "ai":
            cards.append(
                (
                    percent(fraction.on_path.value),
                    "of the call time on the critical path is AI",
                    interval(fraction.on_path, 100) + " %",
                )
            )
    for frame in report.frames:
        if frame.scope == "all" and frame.missed is not None:
            cards.append((percent(frame.missed.value), "of the frames missed their deadline", interval(frame.missed, 100) + " %"))
    for row in report.quality:
        if row.request_class == "all" and row.metric.startswith("ndcg"):
            cards.append((percent(row.estimate.value), f"{row.metric} of the answers", interval(row.estimate, 100) + " %"))
    return tuple(cards)
