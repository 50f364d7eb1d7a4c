"""Appending to a file on a disk that may be full for a while. Only the standard library: what watches a host uses it too."""

from __future__ import annotations

import os
from pathlib import Path

KEPT_BYTES = 64 << 20


class Appender:
    """What the disk does not take is kept, and written first when there is room again. Not for several threads.

    kept_bytes: the most that is kept; what comes then is lost. refused: why the last write failed; lost: why something never got, or
    perhaps never got, to the disk. Both None while all is well.
    """

    def __init__(self, path: Path, kept_bytes: int = KEPT_BYTES, append: bool = False) -> None:
        self._file = path.open("ab" if append else "wb", buffering=0)
        self._kept_bytes = kept_bytes
        self._unwritten = bytearray()
        self.refused: OSError | None = None
        self.lost: OSError | None = None

    @property
    def waiting(self) -> bool:
        return bool(self._unwritten)

    def add(self, text: bytes = b"") -> bool:
        """Writes it after what waits; whether anything was written."""
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
        """Returns when what was written is on the disk; after a failure it is unknown how much is there; a second fsync does not tell."""
        try:
            os.fdatasync(self._file.fileno())
        except OSError as error:
            self.lost = error

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self.lost = error
