"""Appending to a file on a disk that may be full for a while. Only the standard library: what watches a host uses it too."""

from __future__ import annotations

import os
from pathlib import Path

from aibenchrt.whole_file import growing_file

KEPT_BYTES = 64 << 20


class Appender:
    """Appends to a file. What a full disk does not take is kept in memory, and written first once there is room again. For one thread.

    kept_bytes: the most that is kept in memory; beyond it data are lost. refused: why the last write failed; lost: why data did not, or may
    not, have reached the disk. Both None while every write succeeds.
    """

    def __init__(self, path: Path, kept_bytes: int = KEPT_BYTES, append: bool = False) -> None:
        self._file = os.fdopen(growing_file(path, append=append), "ab" if append else "wb", buffering=0)
        self._kept_bytes = kept_bytes
        self._unwritten = bytearray()
        self.refused: OSError | None = None
        self.lost: OSError | None = None

    @property
    def waiting(self) -> bool:
        return bool(self._unwritten)

    def add(self, text: bytes = b"") -> bool:
        """Writes the text after what is kept in memory; returns whether anything was written."""
        if self.refused and len(self._unwritten) + len(text) > self._kept_bytes:
            self.lost = self.refused
        else:
            self._unwritten += text
        some = False
        try:
            while self._unwritten:
                written = self._file.write(self._unwritten)
                del self._unwritten[:written]
                some = True
            self.refused = None
        except OSError as error:
            self.refused = error
        return some

    def sync(self) -> None:
        """Returns when what was written is on the disk. After a failure it is unknown how much is there, and a second fsync would not
        tell."""
        try:
            os.fdatasync(self._file.fileno())
        except OSError as error:
            self.lost = error

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self.lost = error
