"""What is too large for a record, kept once per content beside the records: <run>/contents/<sha256>."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from aibenchrt.collect.appender import KEPT_BYTES
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError, read_bytes
from aibenchrt.whole_file import write_bytes

CONTENTS = "contents"  # the folder's name in a run's or a generator's directory
MOST_BYTES = 64 << 20  # of one content
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Contents:
    """keep() writes a content whole or not at all, and once; read() gives it back as it was kept. For one thread.

    What a full disk does not take is held in memory, at most `held_bytes` of it, and written when there is room again.
    """

    def __init__(self, folder: Path, held_bytes: int = KEPT_BYTES) -> None:
        self.folder, self._held_bytes = folder, held_bytes
        self._held: dict[str, bytes] = {}
        self._refused: OSError | None = None
        self._lost = False

    def keep(self, content: bytes) -> str:
        """Its sha256 in hexadecimal digits. EnvironmentFailure AIB605: it is larger than MOST_BYTES."""
        if len(content) > MOST_BYTES:
            reason = f"an answer has {len(content):,} bytes"
            raise EnvironmentFailure("AIB605", what="the records", reason=reason, way_out=f"at most {MOST_BYTES:,} bytes of one are kept")
        name = hashlib.sha256(content).hexdigest()
        if not (self.folder / name).is_file():
            self._held[name] = content
            self._write()
            while sum(map(len, self._held.values())) > self._held_bytes:
                del self._held[next(iter(self._held))]
                self._lost = True
        return name

    def read(self, sha256: str) -> bytes:
        """EnvironmentFailure AIB609: it is missing, too large, or not what was kept."""
        path = self.folder / sha256
        if not _SHA256.fullmatch(sha256):
            raise unreadable(path, "it is not a sha256")
        if sha256 in self._held:
            return self._held[sha256]
        try:
            content = read_bytes(path, MOST_BYTES)
        except InputFileError as error:
            raise unreadable(path, f"the content is missing ({error})") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise unreadable(path, "the content is not what its name says")
        return content

    def close(self) -> None:
        """EnvironmentFailure AIB605: something could not be written."""
        self._write()
        if self._held or self._lost:
            why = self._refused.strerror if self._refused else "the disk was full"
            raise EnvironmentFailure("AIB605", what="the records", reason=why, way_out="free some disk space")

    def take_in(self, folder: Path, names: Iterable[str]) -> None:
        """Keeps the contents of these names that another run or generator kept. EnvironmentFailure AIB609: one of them is damaged."""
        other = Contents(folder)
        for name in dict.fromkeys(names):
            if _SHA256.fullmatch(name) and (folder / name).exists():
                self.keep(other.read(name))

    def _write(self) -> None:
        for name, content in list(self._held.items()):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_bytes(self.folder / name, content)
            except OSError as error:
                self._refused = error
                return
            del self._held[name]
