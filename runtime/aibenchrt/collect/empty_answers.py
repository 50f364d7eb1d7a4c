"""Which answers hold nothing, and where the held-out truth says that nothing is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aibenchrt.answers import ANSWER_TYPES, TRUTH_TYPES, AnswerType, Truth, shown_by
from aibenchrt.collect import typed_values
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import RequestRecord
from aibenchrt.metrics import METRICS, metric
from aibenchrt.plan import Plan

FEWEST = 3  # answers of a class that say something about all of them


def judged_types(plan: Plan) -> frozenset[str]:
    """The answer types that a response of the plan shows; none if it has no AI task. What services alone answer may hold nothing: a cache
    that misses, an index of what is rarely asked for."""
    if not any(step.kind == "ai" for step in plan.steps):
        return frozenset()
    return shown_by(part.port.type for part in plan.response)


def silent_class(plan: Plan, answered: Iterable[tuple[RequestRecord, Truth]], contents: Contents) -> str | None:
    """The first class to whose requests at least FEWEST answers came, all of which hold nothing where the truth does not say so."""
    shown = judged_types(plan)
    scored = scored_types(plan.metrics) & shown
    empty: dict[str, list[bool]] = {}
    for request, truth in answered if shown else ():
        nothing = is_empty(request.answer, scored, contents)
        if not (nothing and empty_is_right(truth, shown)):
            empty.setdefault(request.request_class, []).append(nothing)
    return next((name for name, each in empty.items() if len(each) >= FEWEST and all(each)), None)


def scored_types(metrics: Iterable[str]) -> frozenset[str]:
    """The answer types that these metrics score."""
    return frozenset(row.answer for row in map(metric, metrics) if row is not None)


def empty_types(entries: Sequence[str], contents: Contents) -> frozenset[str]:
    """The types of which an answer shows a value that holds nothing. EnvironmentFailure AIB609: an entry, or its content, is damaged."""
    shown = {typed_values.type_of(entry): entry for entry in reversed(entries)}  # of several of a type the first counts
    known = {name: entry for name, entry in shown.items() if name is not None and name in ANSWER_TYPES}
    return frozenset(name for name, entry in known.items() if _shows_nothing(entry, ANSWER_TYPES[name], contents))


def is_empty(entries: Sequence[str], scored: frozenset[str], contents: Contents) -> bool:
    """Whether an answer shows nothing at all, or nothing of a type that a metric scores (`scored`). An answer that does not show a type
    is not empty in it: not every case has every part of a response. EnvironmentFailure as empty_types()."""
    empty = empty_types(entries, contents)
    return len(empty) == len(entries) or bool(empty & scored)


def empty_is_right(truth: Truth, shown: Iterable[str]) -> bool:
    """Whether the truth of a request says that an answer of these types holds nothing: no item is relevant, the reference text is
    empty, or who asks is to be refused."""
    shown = frozenset(shown)
    compared = frozenset(row.truth for row in METRICS.values() if row.answer in shown)
    return any(name in truth and (truth[name] is False or not TRUTH_TYPES[name].known(truth[name])) for name in compared)


def _shows_nothing(entry: str, kind: AnswerType, contents: Contents) -> bool:
    if not typed_values.is_inline(entry):  # what has a file of its own is large
        return False
    return _holds_nothing(typed_values.decode(entry, kind, contents), kind)


def _holds_nothing(value: Any, kind: AnswerType) -> bool:
    """Texts without a character that can be seen count as none."""
    texts = value if isinstance(value, tuple) else ()
    blank = bool(texts) and all(isinstance(text, str) and not text.strip() for text in texts)
    return blank or bool(value == kind.nothing)
