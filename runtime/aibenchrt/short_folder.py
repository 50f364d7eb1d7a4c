"""Folders with short, plain paths: for sockets, whose paths have at most 107 bytes, and for programs that hand paths to a shell.

What lies under another path is linked into one. A folder of a process that was killed goes when the next one is made.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import weakref
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure

_PREFIX = "aibench-short-"
_LONGEST_PARENT = 40  # bytes
_PLAIN = re.compile(r"/[A-Za-z0-9._/-]*")
_PARENTS = ("/tmp", "/var/tmp", "/dev/shm")


class ShortFolder:
    """A new, empty folder of mode 0700. It goes with all that it holds at close(), at the latest when the interpreter ends.

    path: at most 62 letters, digits, and any of ._/-
    EnvironmentFailure AIB605: no such folder can be made.
    """

    def __init__(self) -> None:
        self.path, lock = _made()
        self._removed = weakref.finalize(self, _remove, self.path, lock)

    def link(self, name: str, target: Path) -> Path:
        """A link of this name to `target`, by which it has a short, plain path."""
        link = self.path / name
        link.symlink_to(target.absolute())
        return link

    def close(self) -> None:
        self._removed()


def _made() -> tuple[Path, int]:
    """The folder, and a descriptor that locks it: whoever finds it unlocked knows that its process has gone."""
    reason = "TMPDIR and all of " + ", ".join(_PARENTS) + " are too long, hold characters that a shell changes, or cannot be written"
    for parent in _parents():
        _remove_left(parent)
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            folder.chmod(0o700)  # a umask may have taken even that
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            reason = f"'{parent}': {error.strerror}"
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder, descriptor
        os.close(descriptor)  # between the two calls somebody took it for one left behind
    raise EnvironmentFailure("AIB605", what="a temporary folder with a short path", reason=reason, way_out="set TMPDIR to /tmp")


def _parents() -> list[str]:
    """TMPDIR where it will do, then the usual places."""
    try:
        named = tempfile.gettempdir()
    except FileNotFoundError:
        named = ""
    fit = _PLAIN.fullmatch(named) and len(named) <= _LONGEST_PARENT
    return list(dict.fromkeys([*([named] if fit else []), *_PARENTS]))


def _remove_left(parent: str) -> None:
    for folder in Path(parent).glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # another user's, or none
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # in use
        finally:
            os.close(descriptor)


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
