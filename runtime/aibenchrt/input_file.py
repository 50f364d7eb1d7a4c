"""Files that somebody else wrote, read with bounds: regular files of at most the size that their kind may have, JSON of a depth and with
numbers as ours has them. What is wrong with one is told in a line. Only the standard library: the compiler uses it, too."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

MIB = 2**20
DEEPEST = 64  # nesting of JSON; a plan has less than twenty levels

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OUT_OF_RANGE = re.compile(rb"NaN|Infinity|[eE]\+?0*[1-9][0-9]{2}|(?<![.0-9])[0-9]{20}")  # 1e100 and more: no figure of ours comes near
_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))


class InputFileError(ValueError):
    """The message says what is wrong with the file, and where; not which file it is."""


class MissingFileError(InputFileError):
    """There is no such file."""


class TooLargeError(InputFileError):
    """It is larger than its kind may be."""


def open_file(path: Path) -> BinaryIO:
    """A regular file, open for reading. InputFileError: it is none (a pipe would wait, a device never end), or cannot be opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # looked at before it is opened: that alone does something to some devices
            raise InputFileError("it is not a regular file")
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except (OSError, ValueError) as error:
        if isinstance(error, InputFileError):
            raise
        kind = MissingFileError if isinstance(error, FileNotFoundError) else InputFileError
        raise kind(getattr(error, "strerror", None) or "that is no file name") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputFileError("it is not a regular file")
    return file


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """The whole file. InputFileError: as open_file(), or it is larger than that; no more is read."""
    with open_file(path) as file:
        try:
            content = file.read(most_bytes + 1)
        except OSError as error:
            raise InputFileError(error.strerror or "it cannot be read") from error
    if len(content) > most_bytes:
        raise TooLargeError(f"it is larger than {most_bytes:,} bytes")
    return content


def read_text(path: Path, most_bytes: int) -> str:
    """UTF-8. InputFileError: as read_bytes(), or it is none."""
    return decoded(read_bytes(path, most_bytes))


def decoded(content: bytes) -> str:
    """UTF-8. InputFileError: it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputFileError(f"it is not UTF-8: byte {error.start + 1}") from error


def check_json(content: bytes) -> None:
    """Before it is parsed, in time linear in its size. InputFileError: it is nested deeper than DEEPEST, or a number is out of range."""
    outside = _STRING.sub(b"", content)
    if _OUT_OF_RANGE.search(outside):
        raise InputFileError("a number in it is out of range")
    depth = 0
    for bracket in outside.translate(None, _OTHERS):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise InputFileError(f"it is nested deeper than {DEEPEST} levels")


def json_document(content: bytes) -> Any:
    """InputFileError: it is not JSON in UTF-8, or as check_json()."""
    text = decoded(content)
    check_json(content)
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputFileError(f"it is not JSON: {error}") from error
