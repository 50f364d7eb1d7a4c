"""The libraries of others that a spec names: in use from here on, in whatever this process does with the spec."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from aibenchrt.errors import EnvironmentFailure

from aibenchc.diagnostics import Diagnostics, place
from aibenchc.syntax import ast


def use_libraries(items: Iterable[ast.Item], diagnostics: Diagnostics) -> bool:
    """Whether all can be used. AIB115: named twice; AIB696, AIB697: not installed, broken; AIB698: a name is taken."""
    libraries = [item for item in items if isinstance(item, ast.Library)]
    if not libraries and "aibenchrt.libraries" not in sys.modules:
        return True  # and none is in use: a check of such a spec need not load what opens them
    from aibenchrt.libraries import use

    named: dict[str, ast.Library] = {}
    use(())  # drops the libraries of the spec that this process validated before
    for item in libraries:
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
