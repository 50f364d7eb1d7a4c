"""Whether the answers hold something, and whether requests took the ways through the graph that the plan expects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from scipy import stats

from aibenchrt.collect.empty_answers import empty_is_right, is_empty, judged_types, scored_types
from aibenchrt.collect.kept_scores import EMPTY_ANSWER
from aibenchrt.collect.recorded_run import SUPPLEMENT, Run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.figure_format import percent
from aibenchrt.load.pairs import apart_s, is_second
from aibenchrt.plan import PlanExclusiveChoice, PlanSessions
from aibenchrt.report import figures
from aibenchrt.report.checks.check import check
from aibenchrt.report.model import Check
from aibenchrt.report.validity import Limits


@dataclass(frozen=True)
class Share:
    """hits of n requests, where the plan expects the share `expected`, give or take `margin`. independent: as many of the requests tell
    something of their own; None: all."""

    name: str
    hits: int
    n: int
    expected: float
    margin: float
    independent: int | None = None

    @property
    def p(self) -> float:
        """How probable hits at least as far off are if the true share lies within the margin: twice the smaller tail of the exact
        binomial test (Clopper and Pearson 1934)."""
        low, high = max(0.0, self.expected - self.margin), min(1.0, self.expected + self.margin)
        n = self.n if self.independent is None else min(self.n, self.independent)
        hits = round(self.hits * n / self.n) if self.n else 0
        above, below = float(stats.binom.sf(hits - 1, n, high)), float(stats.binom.cdf(hits, n, low))
        return min(1.0, 2 * min(above, below))

    def __str__(self) -> str:
        share = percent(self.hits / self.n) if self.n else "none"
        return f"{self.name}: {share} of {self.n:,}, expected {percent(self.expected)}"


def answer_checks(run: Run, limits: Limits) -> list[Check]:
    return [_empty(run, limits), _shares(run, limits)]


def _empty(run: Run, limits: Limits) -> Check:
    """Of each class, its supplement included: a class that is rare in the mix may not be empty either."""
    shown = judged_types(run.plan)
    scored = scored_types(run.plan.metrics) & shown
    answered, empty = Counter[str](), Counter[str]()
    for request in (*run.measured, *run.phase(SUPPLEMENT)) if shown else ():
        nothing = holds_nothing(run, request, shown, scored) if request.outcome == "ok" else None
        if nothing is None:
            continue
        answered[request.request_class] += 1
        empty[request.request_class] += nothing
    each = [Share(name, empty[name], n, limits.empty_share, 0.0) for name, n in answered.items()]
    ok = all(row.hits <= row.expected * row.n or row.p >= limits.shares_p / len(each) for row in each)
    worst = sorted(each, key=lambda row: -row.hits / row.n)[:3]
    observed = ", ".join(f"{row.hits:,} of {row.n:,} answers to '{row.name}' ({percent(row.hits / row.n)})" for row in worst)
    observed = observed or ("no answers" if shown else "no answer of an AI task is shown")
    limit = f"{percent(limits.empty_share, 0)} of a class, so that chance alone does not explain it (p < {limits.shares_p:g})"
    return check("V21", ok or bool(run.info.fault), observed, f"expected fault: {run.info.fault}" if run.info.fault else limit)


def holds_nothing(run: Run, request: RequestRecord, shown: frozenset[str], scored: frozenset[str]) -> bool | None:
    """Whether the answer to a request that succeeded is empty; None where the truth says that it must be. shown, scored: the types that a
    response shows, and those of them that a metric scores."""
    if run.kept is not None:
        row = run.kept.of(EMPTY_ANSWER).get(request.request_id)
        return bool(row.value) if row is not None and row.counts else None
    nothing = is_empty(request.answer, scored, run.contents)
    return None if nothing and empty_is_right(run.truth_values(request.request_id), shown) else nothing


def _shares(run: Run, limits: Limits) -> Check:
    each = [*class_shares(run, limits), *arm_shares(run, limits)]
    off = [row for row in each if row.p < limits.shares_p / len(each)]
    shown = off or sorted(each, key=lambda row: row.p)[:1]
    unjudged = unexpected(run)
    observed = "; ".join(map(str, shown)) or "nothing is expected"
    observed += f"; arms that the run decides are not judged: {unjudged}" if unjudged else ""
    limit = (
        f"{100 * limits.shares_points:g} percentage points, or {percent(limits.shares_part, 0)} of the share, more or less; of classes and "
        f"draws none; p ≥ {limits.shares_p:g}"
    )
    return check("V22", not off or bool(run.info.fault), observed, f"expected fault: {run.info.fault}" if run.info.fault else limit)


def class_shares(run: Run, limits: Limits) -> list[Share]:
    """Of the measured requests, whatever became of them. Classes are drawn one by one, except that a session keeps its class, and that the
    second of a pair is not drawn."""
    if len(run.plan.requests) < 2:
        return []
    paired, duration_s = apart_s(run.plan.requests), run.plan.load.duration_s
    begun = [request for request in run.measured if not is_second(request, paired)]
    # Of a class in pairs every other request is left out, and a pair that the end of the phase would divide is not sent.
    whole = {name: max(0.0, 1 - seconds / duration_s) / 2 for name, seconds in paired.items()}
    weights = {request.name: request.share * whole.get(request.name, 1.0) for request in run.plan.requests}
    total = sum(weights.values())
    seen = Counter(request.request_class for request in begun)
    shares = [(f"class '{name}'", seen[name], weight / total) for name, weight in weights.items()] if total else []
    if isinstance(run.plan.load, PlanSessions):
        return [roughly(name, hits, len(begun), p, limits) for name, hits, p in shares]
    return [Share(name, hits, len(begun), p, 0.0) for name, hits, p in shares]


def arm_shares(run: Run, limits: Limits) -> list[Share]:
    """Of the requests that reached a choice and succeeded. A draw is ours, and only failures may shift it; what a flag or a count decides
    is expected by the author, roughly. The first arm of a fallback is always tried."""
    choices = {choice.name: choice for choice in run.plan.choices}
    rows = []
    for row in figures.choice_rows(run):
        choice = choices[row.choice]
        one = isinstance(choice, PlanExclusiveChoice)
        drawn = isinstance(choice, PlanExclusiveChoice) and not choice.flags
        if (not one and row.arm == 0) or (not drawn and unexpected(run)):
            continue
        expected = row.expected / sum(arm.share for arm in choice.arms) if one else row.expected
        name = f"'{row.choice}' arm {row.arm + 1}{_by(row.decided_by, row.tasks)}"
        hits, n = round(row.observed.value * row.observed.n), row.observed.n
        rows.append(Share(name, hits, n, expected, limits.error_share) if drawn else roughly(name, hits, n, expected, limits))
    return rows


def roughly(name: str, hits: int, n: int, expected: float, limits: Limits) -> Share:
    """An author's expectation, which may be off by a part of it, or of what it leaves, within bounds in points. The requests are not
    independent: a user keeps the arm of an experiment, and asks again."""
    margin = max(limits.error_share, min(limits.shares_points, limits.shares_part * min(expected, 1 - expected)))
    return Share(name, hits, n, expected, margin, limits.shares_independent)


def unexpected(run: Run) -> str:
    """Why the shares that a spec expects of the arms that the run decides are not those of this run; '' where they are."""
    if any(data.variant == "synthetic" for data in run.info.data):
        return "the data are synthetic"
    if any(model.override for model in run.info.models):
        return "answers were replaced"
    return ""


def _by(decided_by: str, tasks: Iterable[str]) -> str:
    inside = ", ".join(tasks)
    return f" ({inside + '; ' if inside else ''}{decided_by})"
