"""The audit as tables of text."""

from __future__ import annotations

from aibenchrt.figure_format import percent
from aibenchrt.report.audit import AnswerScores, Audit
from aibenchrt.report.tables import ABSENT, Table, interval

_ANSWERS = (
    "A sample of the run's requests, asked again of a fresh deployment, one by one. Compared: those that were answered and took the same "
    "arms. Where answers differ, the metrics decide: again minus under load, with a 95 % interval, against the tolerance."
)
_REPEATS = (
    "Each payload was asked several times in a row: repeat over first time, the geometric mean over payloads, with an interval whose level "
    "all rows share. What took other arms, as into a cache that the plan declares, is not compared."
)


def audit_tables(audit: Audit) -> tuple[Table, ...]:
    answers = audit.answers
    first = (
        f"{answers.asked:,}", f"{answers.compared:,}", f"{answers.equal:,}", f"{answers.other_arms:,}", f"{answers.failed:,}",
        "; ".join(map(_score, answers.scores)) or ABSENT,
        answers.status, answers.reason,
    )  # fmt: skip
    rows = tuple(
        (
            f"{row.scope} {row.name}", f"{row.payloads:,}", f"{row.other_arms:,}", interval(row.ratio), f"≥ {row.limit:g}",
            ABSENT if row.share is None else percent(row.share), row.status, row.reason,
        )
        for row in audit.repeats
    )  # fmt: skip
    columns = ("asked again", "compared", "equal", "other arms", "failed", "difference of scores", "status", "why")
    repeated = ("what", "payloads", "other arms", "repeat ÷ first", "limit", "share of time", "status", "why")
    return (
        Table("answers", "Answers, asked again without load", columns, (first,), _ANSWERS, tuple(range(5))),
        Table("repeats", "Repeated payloads", repeated, rows, _REPEATS, (1, 2, 3, 4, 5)),
    )


def _score(row: AnswerScores) -> str:
    return f"{row.metric} {interval(row.difference, 100)} points, at most ±{100 * row.tolerance:g}"
