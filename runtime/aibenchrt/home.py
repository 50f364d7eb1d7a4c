"""Where data, models and built indexes are kept: AIBENCH_HOME, by default ~/.cache/aibenchc; and how several processes share it."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.whole_file import growing_file


def home_folder() -> Path:
    """The absolute path of the folder, whether it exists or not: links lead to it from elsewhere.

    EnvironmentFailure AIB605: it lies in the home folder of a user who has none.
    """
    named = os.environ.get("AIBENCH_HOME") or "~/.cache/aibenchc"
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError as error:
        raise EnvironmentFailure(
            "AIB605",
            what=f"'{named}', where data and models are kept",
            reason="'~' has no meaning here: neither HOME nor the list of users (passwd) names a home folder",
            way_out="set AIBENCH_HOME to a writable folder",
        ) from error


def home() -> Path:
    """The folder, made if missing. Inside: downloads/, worlds/, models/, prepared/. EnvironmentFailure AIB605: it cannot be made."""
    folder = home_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailure(
            "AIB605",
            what=f"'{folder}', where data and models are kept",
            reason=error.strerror,
            way_out="set AIBENCH_HOME to a writable folder",
        ) from error
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an advisory lock: of several processes that need the same data, one makes them and the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(growing_file(path, mode=0o666), "a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def disk_guard(target: Path) -> Iterator[None]:
    """Turns a full disk or quota into AIB605, which names `target`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EnvironmentFailure(
            "AIB605",
            what=target,
            reason="no space left on its disk",
            way_out="free some space, or set AIBENCH_HOME to a folder on a larger disk",
        ) from error
