"""What a comparison found, in sentences: latency, components and quality apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aibenchrt.figure_format import number, percent
from aibenchrt.report.compare.model import Effect, Moved

_MOST_NAMED = 3
_SEEN = ("higher", "lower")


def sentences(base: str, other: str, effects: Sequence[Effect], moved: Sequence[Moved]) -> tuple[str, ...]:
    """What differs between the group `other` and the base, what was not seen to, and how large it would have had to be."""
    latency, components, quality = ([e for e in effects if e.family == f] for f in ("latency", "component", "quality"))
    if any(effect.finding == "not enough deployments" for effect in effects):
        return (f"{other} against {base}: one deployment shows nothing of how much deployments differ; give at least two of each group",)
    said = [f"{other} against {base}: {_latency(latency)}", _components(components, moved)]
    if quality:
        said.append(_quality(quality))
    return tuple(said)


def _latency(effects: Sequence[Effect]) -> str:
    seen = [effect for effect in effects if effect.finding in _SEEN]
    if not effects:
        return "no percentile or mean of the latency is known in all runs"
    if not seen:
        return f"no difference seen in latency; what would have been seen: {_all(f'{e.figure} by {_size(e)}' for e in effects)}"
    rest = [effect.figure for effect in effects if effect not in seen]
    return f"latency differs: {_all(_change(e) for e in seen)}" + (f"; no difference seen in {_all(rest)}" if rest else "")


def _components(effects: Sequence[Effect], moved: Sequence[Moved]) -> str:
    """The component that moved most on the critical paths, of those whose calls differ."""
    changes = {effect.figure: effect for effect in effects if effect.finding in _SEEN}
    named = [row for row in moved if row.task in changes]
    if not named:
        return "no component's calls are seen to differ" + (
            f"; what would have been seen: {_all(f'{e.figure} by {_size(e)}' for e in effects)}" if effects else ""
        )
    total = sum(row.gained_ms for row in moved)
    first, *rest = named
    sentence = (
        f"{first.task} moved most: {_ms(first.gained_ms)} of {_ms(total)} that a request takes; its calls {_change(changes[first.task])}"
    )
    also = _all(f"{row.task} ({_ms(row.gained_ms)})" for row in rest[:_MOST_NAMED])
    return sentence + (f"; then {also}" if rest else "")


def _quality(effects: Sequence[Effect]) -> str:
    seen = [effect for effect in effects if effect.finding in _SEEN]
    if not seen:
        return f"no difference seen in the answers; what would have been seen: {_all(f'{e.figure} by {_size(e)}' for e in effects)}"
    return f"the answers differ: {_all(_change(e) for e in seen)}"


def _change(effect: Effect) -> str:
    """'mean +12.1 % [8.0, 16.4]'."""
    scale = 1.0 if effect.family == "quality" else 100.0
    low, high = (number(scale * (end or 0.0)) for end in (effect.low, effect.high))
    change = number(scale * effect.change, sign="+")
    name = "" if effect.family == "component" else f"{effect.figure} "
    return f"{name}{change}{'' if effect.family == 'quality' else ' %'} [{low}, {high}]"


def _size(effect: Effect) -> str:
    assert effect.detectable is not None
    return number(effect.detectable) if effect.family == "quality" else percent(effect.detectable)


def _ms(value: float) -> str:
    return f"{number(value, sign='+')} ms"


def _all(parts: Iterable[str]) -> str:
    return ", ".join(parts)
