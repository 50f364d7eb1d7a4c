"""Folders that are there whole or not at all: what takes long to fetch is kept, and an interruption leaves nothing that looks whole."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from aibenchrt.control.cluster.archives import WHOLE


def is_whole(folder: Path) -> bool:
    return (folder / WHOLE).exists()


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside it to be filled, which takes its place at the end; after an exception it does not. OSError: it cannot be made."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    (unfinished / WHOLE).touch()
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
