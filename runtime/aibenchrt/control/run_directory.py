"""The directory of a run: created anew, with coded failures for a full disk."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure


def new_directory(runs: Path, name: str) -> Path:
    for number in range(1000):
        directory = runs / (name if number == 0 else f"{name}-{number}")
        try:
            (directory / "logs").mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise EnvironmentFailure("AIB611", runs=runs, reason=error.strerror) from error
        return directory.resolve()
    raise EnvironmentFailure("AIB611", runs=runs, reason="no directory name is free; remove old runs")


@contextlib.contextmanager
def disk_full(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EnvironmentFailure("AIB605", what=directory, reason="no space left on its disk", way_out="free some space") from error
