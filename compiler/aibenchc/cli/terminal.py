"""What the verbs that run something need and show: what must be installed for them, and their progress."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aibenchrt.errors import EnvironmentFailure, install
from aibenchrt.figure_format import percent
from aibenchrt.shown import visible

from aibenchc.cli.output import complain

if TYPE_CHECKING:
    from aibenchrt.progress import Progress


# Extra → modules of its packages that are there if it is installed; those of `run` are there for `report` too.
_JUDGING = ("matplotlib", "numpy", "pyarrow", "scipy")
EXTRAS = {"report": _JUDGING, "run": (*_JUDGING, "grpc_health", "psutil", "torch", "tritonclient")}


def needs(extra: str, verb: str) -> None:
    """EnvironmentFailure AIB601: something of the extra, which the verb needs, is not installed."""
    from importlib.util import find_spec

    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        what = f"{', '.join(missing)}, which `aibenchc {verb}` needs,"
        raise EnvironmentFailure("AIB601", what=what, install=install(extra))


def piece_of(what: str) -> str:
    """The piece of work that a text of progress is of: what stands before a colon, whatever numbers stand in it as words of their own.

    'training neumf: epoch 3 …' is one piece, and so is 'taking pictures of person 3 of 370', whichever person it is.
    """
    return re.sub(r"(?<!\S)[\d,]+(?!\S)", "", what.partition(":")[0])


class ProgressLines:
    """Progress where no terminal is: a line as each piece of work begins, and one every every_s seconds while it goes on."""

    def __init__(self, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._last: dict[str, float] = {}

    def told(self, what: str, done: float) -> None:
        part, _, detail = what.partition(":")
        piece, now = piece_of(what), self._clock()
        if piece in self._last and now - self._last[piece] < self._every_s:
            return
        going_on = f" {percent(min(max(done, 0.0), 1.0), 0)}{':' if detail else ''}{detail}" if piece in self._last else ""
        self._last[piece] = now
        complain(f"{time.strftime('%H:%M:%S')} … {part}{going_on}")


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Progress bars on a terminal; otherwise lines on stderr, with the time: as each piece of work begins, and while it goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield ProgressLines().told
        return
    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
    known: dict[str, TaskID] = {}

    def told(what: str, done: float) -> None:
        piece = piece_of(what)
        if piece not in known:
            known[piece] = bars.add_task(visible(what.partition(":")[0]), total=1.0)
        bars.update(known[piece], completed=min(max(done, 0.0), 1.0), description=visible(what))

    with bars:
        yield told
        for bar in known.values():  # what was done without a failure is done whole
            bars.update(bar, completed=1.0)
