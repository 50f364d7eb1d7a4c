"""What the verbs that run something need and show: what must be installed for them, and their progress."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aibenchrt.errors import EnvironmentFailure, install
from aibenchrt.shown import visible

from aibenchc.cli.output import complain

if TYPE_CHECKING:
    from aibenchrt.progress import Progress


def needs_runtime(verb: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in ("numpy", "grpc", "pyarrow") if find_spec(name) is None]
    if missing:
        what = f"{', '.join(missing)}, which `aibenchc {verb}` needs,"
        raise EnvironmentFailure("AIB601", what=what, install=install("run"))


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Progress bars on a terminal; otherwise one line on stderr, with the time, as each piece of work begins."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    drawn = console.is_terminal and not console.is_dumb_terminal
    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
    )
    known: dict[str, TaskID] = {}

    def told(what: str, done: float) -> None:
        part = what.partition(":")[0]  # 'training neumf: epoch 3 …' is one bar
        if part not in known:
            known[part] = bars.add_task(visible(part), total=1.0)
            if not drawn:
                complain(f"{time.strftime('%H:%M:%S')} … {part}")
        bars.update(known[part], completed=min(max(done, 0.0), 1.0), description=visible(what))

    if not drawn:
        yield told
        return
    with bars:
        yield told
        for bar in known.values():  # what was done without a failure is done whole
            bars.update(bar, completed=1.0)
