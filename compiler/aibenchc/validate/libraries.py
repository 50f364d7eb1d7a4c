"""The libraries of others that a spec names: in use from here on, in whatever this process does with the spec."""

from __future__ import annotations

from collections.abc import Iterable

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import use

from aibenchc.diagnostics import Diagnostics, place
from aibenchc.syntax import ast


def use_libraries(items: Iterable[ast.Item], diagnostics: Diagnostics) -> bool:
    """Whether all can be used. AIB115: named twice; AIB696, AIB697: not installed, broken; AIB698: a name is taken."""
    named: dict[str, ast.Library] = {}
    use(())  # drops the libraries of the spec that this process validated before
    for item in items:
        if not isinstance(item, ast.Library):
            continue
        name = item.name.value
        if name in named:
            diagnostics.report("AIB115", item.span, what=f'`library "{name}"`', first=place(named[name].span))
            continue
        named[name] = item
        try:
            use(named)
        except EnvironmentFailure as failure:
            diagnostics.relay(failure, item.name.span)
            return False
    return True
