"""The directory of a run: made anew, and what a full disk means for it."""

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
            raise EnvironmentFailure(
                "AIB611", f"cannot make a folder below '{runs}': {error.strerror}", "name another with --runs"
            ) from error
        return directory.resolve()
    raise EnvironmentFailure("AIB611", f"no free name for a run below {runs}", "remove old runs")


@contextlib.contextmanager
def disk_full(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EnvironmentFailure("AIB605", f"no space left on the disk that holds {directory}", "free some space") from error
