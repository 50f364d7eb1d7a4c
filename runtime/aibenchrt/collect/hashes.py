"""hashes.json: the files of a run, each by its SHA-256, written when the run ends. Its own SHA-256 is the run's root.

What a verdict is made of cannot be changed unnoticed by somebody who does not also write hashes.json anew; and whoever does that has
another root. So the root is printed, to be kept where others cannot change it. Large answers and truth (contents/) are named in the records
by their own SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.collect.run_info import RUN_FILE
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.input_file import InputFileError, open_file
from aibenchrt.json_file import JsonFileError, read_json
from aibenchrt.whole_file import write_text

HASHES = "hashes.json"
SHOWN_DIGITS = 16
BOUND = (
    RUN_FILE,
    "plan.json",
    "load.json",
    "schedule.parquet",
    "requests.parquet",
    "calls.parquet",
    "resources.parquet",
    "machine.parquet",
    "truth.parquet",
    "triton.json",
    "state_audits.json",
    "export.json",
    "scores.parquet",
)
MOST_BYTES = 4096 << 20  # of one file, as of records
_PIECE = 1 << 20


class Hashes(BaseModel):
    """files: name → sha256 in hexadecimal digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    files: dict[str, str]


@dataclass(frozen=True)
class Binding:
    """root: of hashes.json, 64 hexadecimal digits; '': there is none. files: how many it binds. changed: those that are missing, are not as
    it says, or are not in it and would be read."""

    root: str = ""
    files: int = 0
    changed: tuple[str, ...] = ()


UNBOUND = Binding()


def bind(directory: Path) -> str:
    """Writes hashes.json and returns the root. OSError: it cannot be written, or a file cannot be read."""
    files = {name: sha256_of(directory / name) for name in _bound(directory)}
    write_text(directory / HASHES, Hashes(files=files).model_dump_json(indent=1) + "\n")
    return sha256_of(directory / HASHES)


def binding(directory: Path) -> Binding:
    """How the files compare with hashes.json. EnvironmentFailure AIB609: it, or a file that it names, cannot be read."""
    path = directory / HASHES
    if not path.exists():
        return UNBOUND
    try:
        known = read_json(path, Hashes).files
    except JsonFileError as error:
        raise unreadable(path, str(error)) from error
    there = set(_bound(directory))
    try:
        changed = [name for name in sorted(there | set(known)) if name not in there or known.get(name) != sha256_of(directory / name)]
        return Binding(sha256_of(path), len(known), tuple(changed))
    except InputFileError as error:
        raise unreadable(path, str(error)) from error


def sha256_of(path: Path) -> str:
    """Of a regular file of bounded size. InputFileError: it is none."""
    digest, left = hashlib.sha256(), MOST_BYTES
    with open_file(path) as file:
        try:
            while piece := file.read(_PIECE):
                digest.update(piece)
                left -= len(piece)
                if left < 0:
                    raise InputFileError(f"it is larger than {MOST_BYTES:,} bytes")
        except OSError as error:
            raise InputFileError(error.strerror or "it cannot be read") from error
    return digest.hexdigest()


def _bound(directory: Path) -> list[str]:
    """The names of the files that a verdict depends on and that are there, sorted."""
    return sorted(name for name in BOUND if (directory / name).exists())
