"""A series as tables: plain text cells. The terminal and the page draw these, so that both say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from aibenchrt.exit_codes import ExitCode
from aibenchrt.figure_format import number
from aibenchrt.report.model import FrameRow, Percentile, Verdict
from aibenchrt.report.series.model import Figures, Series, SeriesRow, UpdateOf
from aibenchrt.report.tables import ABSENT, Table, interval, measured, percentile_interval
from aibenchrt.report.verdict import counts

NOT_RUN, WAITING, INVALID, VALID = "NOT RUN", "WAITING", "INVALID", "VALID"
_STATUS = {ExitCode.FAIL: "FAIL", ExitCode.INCONCLUSIVE: "INCONCLUSIVE"}
_MOST_METRICS = 4  # of a cell; the section of the scenario has all
_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))

_ANSWERS = (
    "status: INVALID, else FAIL or INCONCLUSIVE where a target or reference is, else VALID; NOT RUN: it did not compile, or its run "
    "failed. Latency is that of the whole path, from the intended send time, in ms; AI: the share of the call time on the critical path "
    "that is spent in AI components; frames: those that were answered after their deadline, those that were not answered, and how much "
    "latency differs from one frame of a stream to the next. Figures in brackets are 95 % intervals. The figures of an INVALID run prove "
    "nothing."
)
_SYSTEM = (
    "tasks: of the spec, and after distilling. covers: words of the scenario's row in the published table that the distilled graph "
    "covers. memory: the sum of the largest resident memory of each process, the load generator's too, while the load was measured; pages "
    "that processes share count for each. set-up: until the load began, with data and training where they were not there yet; load: the "
    "load and the supplements of rare classes. CPU: of planner, services and Triton, for each answered request, with what runs after the "
    "response."
)


def status(row: SeriesRow) -> str:
    """In a word or two: what decides the exit code of this row."""
    if row.state == "waiting":
        return WAITING
    if row.verdict is None:
        return NOT_RUN
    return _STATUS.get(ExitCode(row.verdict.exit_code), VALID) if row.verdict.valid else INVALID


def why(row: SeriesRow) -> str:
    """The codes of an INVALID run, the counts of a VALID one, the code and message of what failed; '' of what is waiting."""
    if row.verdict is None:
        return f"{row.code}: {row.message}" if row.code else row.message
    if not row.verdict.valid:
        return ", ".join(dict.fromkeys(f"{reason.code} {reason.name}" for reason in row.verdict.reasons))
    return f"VALID; {counts(row.verdict.judgements) or 'no targets or references'}"


def failing(verdict: Verdict) -> tuple[str, ...]:
    """What keeps a run from passing, each in a line: the reasons of an INVALID run, else what FAILs or is INCONCLUSIVE."""
    if not verdict.valid:
        return tuple(f"{r.code} {r.name}: {r.observed}, limit {r.limit}; {r.hint}" for r in verdict.reasons)
    return tuple(
        f"{j.group} {j.what} of {j.title}: {j.observed}, target {j.target}, {j.status}"
        for j in verdict.judgements
        if j.status in ("FAIL", "INCONCLUSIVE")
    )


def tally(series: Series) -> str:
    """'6 VALID, 1 INVALID, 2 NOT RUN', then the counts of the targets of all: '1 FAIL, 12 PASS'."""
    seen = Counter(VALID if row.verdict and row.verdict.valid else status(row) for row in series.rows)
    runs = ", ".join(f"{seen[word]} {word}" for word in (VALID, INVALID, NOT_RUN, WAITING) if seen[word])
    judgements = counts([judgement for row in series.rows if row.verdict for judgement in row.verdict.judgements])
    return f"{runs}; {judgements}" if judgements else runs


def series_tables(series: Series) -> tuple[Table, ...]:
    """Verdicts and answers, then the systems."""
    return answer_table(series.rows), system_table(series.rows)


def answer_table(rows: Sequence[SeriesRow]) -> Table:
    """With a column of frames where a scenario has any."""
    columns: tuple[str, ...] = ("scenario", "status", "why", "p50, ms", "p90, ms", "AI, %", "quality of the answers")
    cells: list[tuple[str, ...]] = [(row.spec, status(row), why(row) or ABSENT, *_answers(row.figures)) for row in rows]
    frames = [row.figures.frames if row.figures else None for row in rows]
    if any(frames):
        columns = (*columns, "frames")
        cells = [(*cell, "\n".join(frame_lines(of)) or ABSENT) for cell, of in zip(cells, frames, strict=True)]
    return Table(
        "answers",
        "Verdicts, latency and answers",
        columns,
        tuple(cells),
        _ANSWERS,
        (3, 4, 5),
    )


def _answers(figures: Figures | None) -> tuple[str, ...]:
    if figures is None:
        return (ABSENT,) * 4
    whole = [f"{q.metric} {measured(q.metric, q.estimate)}" for q in figures.quality if q.request_class == "all"]
    shown = [*whole[:_MOST_METRICS], *([f"and {len(whole) - _MOST_METRICS} more"] if len(whole) > _MOST_METRICS else [])]
    return percentile(figures, 50), percentile(figures, 90), interval(figures.ai_share, 100.0), "\n".join(shown) or ABSENT


def frame_lines(frames: FrameRow | None) -> list[str]:
    """'missed 2.10 [1.50, 2.80] %', 'dropped …', 'jitter … ms', of those that there are."""
    if frames is None:
        return []
    shares = (
        (f"later than {frames.deadline_ms:g} ms" if frames.deadline_ms else "missed", frames.missed),
        ("dropped", frames.dropped),
    )
    lines = [f"{name} {interval(share, 100.0)} %" for name, share in shares if share is not None]
    return lines + ([f"jitter {interval(frames.jitter)} ms"] if frames.jitter is not None else [])


def percentile(figures: Figures, p: float) -> str:
    """'12.3 [11.9, 12.8]'; '– (needs 200)' below the samples that it needs."""
    of: Percentile | None = next((q for q in figures.latency if q.p == p), None)
    if of is None:
        return ABSENT
    return percentile_interval(of) if of.estimate or of.beyond else f"{ABSENT} (needs {of.needed:,})"


def system_table(rows: Sequence[SeriesRow]) -> Table:
    return Table(
        "systems",
        "Graphs and systems",
        ("scenario", "data", "tasks", "distilled", "update", "covers", "memory, MiB", "set-up, s", "load, s", "whole, s", "CPU, ms"),
        tuple((row.spec, *_compiled(row), *_cost(row.figures)) for row in rows),
        _SYSTEM,
        (2, 3, 6, 7, 8, 9, 10),
    )


def _compiled(row: SeriesRow) -> Iterator[str]:
    yield " and ".join(row.figures.variants) if row.figures else ABSENT
    if row.compiled is None:
        yield from (ABSENT,) * 4
        return
    yield str(row.compiled.tasks)
    yield str(row.compiled.distilled)
    yield "\n".join(map(update_text, row.compiled.updates)) or "none"
    yield covers(row)


def covers(row: SeriesRow) -> str:
    """'9 of 10; missing: hash'; – of a scenario that is not in the table."""
    if row.compiled is None or not row.compiled.words:
        return ABSENT
    lost = row.compiled.missing
    return f"{len(row.compiled.words) - len(lost)} of {len(row.compiled.words)}" + (f"; missing: {', '.join(lost)}" if lost else "")


def update_text(update: UpdateOf) -> str:
    """'high, every 5 min'"""
    size, unit = next(((size, unit) for size, unit in _TIMES if update.every_s >= size), (1.0, "s"))
    return f"{update.frequency}, every {number(update.every_s / size) if update.every_s % size else f'{update.every_s / size:g}'} {unit}"


def _cost(figures: Figures | None) -> tuple[str, ...]:
    if figures is None:
        return (ABSENT,) * 5
    times = (figures.setup_s, figures.load_s, figures.whole_s)
    cpu = ABSENT if figures.cpu_ms is None else number(figures.cpu_ms)
    return (f"{figures.memory_mib:,.0f}", *(f"{seconds:,.0f}" for seconds in times), cpu)
