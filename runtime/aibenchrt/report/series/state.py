"""The series of a folder of runs: the one to go on with, and the lock of the process that does."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.json_file import JsonFileError, read_json
from aibenchrt.report.series.model import FOLDER_NAME, SERIES_JSON, Series
from aibenchrt.whole_file import growing_file

LOCK = ".series.lock"
MOST_BYTES = 64 << 20


def unfinished(runs: Path, key: str, tell: Callable[[str], None], unsafe: Callable[[Path], str]) -> tuple[Path, Series] | None:
    """The folder and state of the latest series of this key that did not end; None: there is none. What cannot be read is told, and left
    as it is. unsafe: why a folder is not to be gone on with; '' if it may be."""
    for folder in sorted(runs.glob(f"{FOLDER_NAME}*"), reverse=True):
        if folder.is_symlink() or not (folder / SERIES_JSON).is_file():
            continue
        try:
            series = read_json(folder / SERIES_JSON, Series, MOST_BYTES)
        except JsonFileError as error:
            tell(f"{folder / SERIES_JSON} cannot be read, and is left as it is: {error}")
            continue
        if series.key != key or series.finished:
            continue
        if reason := unsafe(folder):
            tell(f"{folder} is not gone on with: {reason}")
            continue
        return folder.resolve(), series
    return None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While this process goes through the series. EnvironmentFailure AIB766: another one does."""
    descriptor = growing_file(folder / LOCK)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentFailure("AIB766", folder=folder) from None
        yield
    finally:
        os.close(descriptor)
