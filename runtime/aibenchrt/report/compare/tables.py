"""A comparison as tables: plain text cells, as of a report."""

from __future__ import annotations

from collections.abc import Iterable

from aibenchrt.figure_format import number, percent
from aibenchrt.report.compare.gate import Gated, observed
from aibenchrt.report.compare.model import Comparison, Effect, Group, Pair
from aibenchrt.report.tables import ABSENT, Table

_GROUPS = (
    "value: geometric mean over the deployments, in ms. Coefficient of variation: over the deployments. within: standard error inside one "
    "run; between: the rest of the standard deviation over the deployments, 0 where they differ no more than one run's own noise. All of "
    "them relative to the value."
)
_EFFECTS = (
    "Means over the deployments: geometric in ms for latency and for the calls of components, arithmetic for quality. The interval is that "
    "of the figure's step in Holm's procedure (Student's or Welch's t over deployments): it leaves out 0 exactly where a difference is "
    "seen. Would be seen: the smallest change that these deployments would have shown with probability 0.9."
)
_MOVED = (
    "Mean ms of a measured request on the critical paths, all components together its response time. The change is split by where in the "
    "calls it arose: waiting in the server's queue, being served, or between client and server."
)
_GATE = "FAIL: the whole interval is worse than the margin; PASS: none of it is; INCONCLUSIVE: the runs do not decide it."


def comparison_tables(comparison: Comparison) -> tuple[Table, ...]:
    """The groups, then of each pair its figures and where on the critical paths its time went."""
    tables = [group_table(comparison.groups)]
    for pair in comparison.pairs:
        tables += [_effects(pair), _moved(pair)]
    return tuple(table for table in tables if table.rows)


def gate_table(gated: Iterable[Gated]) -> Table:
    rows = tuple((row.pair, row.figure, row.observed, row.margin, row.status, row.reason) for row in gated)
    return Table("gate", "Gate", ("groups", "figure", "change", "margin", "status", "why"), rows, _GATE)


def group_table(groups: Iterable[Group]) -> Table:
    """How much the figures of each group vary over its deployments."""
    rows = tuple(
        (
            group.name,
            f"{len(group.runs):,}",
            spread.figure,
            number(spread.value),
            ABSENT if spread.cv is None else percent(spread.cv),
            percent(spread.within**0.5),
            ABSENT if spread.between is None else percent(spread.between**0.5),
        )
        for group in groups
        for spread in group.spreads
    )
    columns = ("group", "deployments", "latency", "value", "coefficient of variation", "within", "between")
    return Table("groups", "Deployments", columns, rows, _GROUPS, (1, 3, 4, 5, 6))


def _effects(pair: Pair) -> Table:
    rows = tuple(
        (
            e.family,
            e.figure,
            number(e.base),
            number(e.other),
            observed(e),
            ABSENT if e.p is None else number(e.p),
            _detectable(e),
            e.finding,
        )
        for e in pair.effects
    )
    columns = ("of", "figure", pair.base, pair.other, "change", "adjusted p", "would be seen", "finding")
    return Table(f"effects {pair.other}", f"{pair.other} against {pair.base}", columns, rows, _EFFECTS, (2, 3, 4, 5, 6))


def _detectable(effect: Effect) -> str:
    if effect.detectable is None:
        return ABSENT
    return number(effect.detectable) if effect.family == "quality" else percent(effect.detectable)


def _moved(pair: Pair) -> Table:
    rows = tuple(
        (m.task, number(m.base_ms), *(number(ms, sign="+") for ms in (m.gained_ms, m.queue_ms, m.service_ms, m.transport_ms)))
        for m in pair.moved
    )
    columns = ("component", f"{pair.base}, ms", "change", "queue", "service", "transport")
    title = f"On the critical paths, {pair.other} against {pair.base}"
    return Table(f"moved {pair.other}", title, columns, rows, _MOVED, (1, 2, 3, 4, 5))
