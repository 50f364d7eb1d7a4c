"""Files that are written whole or not at all, and never through a link: how everything here writes a file.

The content goes into a new file of a random name beside the target, which is then renamed over it. A link that stands in the target's place
is replaced, not followed, and who reads the target sees the old content or the new. Only the standard library: the compiler uses it, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

OWNERS = 0o600  # the mode of what nobody else may read
_SHOWN = 40  # characters of the target's name in the new file's: a name has at most 255 bytes
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_GROWING = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@contextlib.contextmanager
def whole_file(target: Path, mode: int | None = None, *, on_disk: bool = False) -> Iterator[BinaryIO]:
    """A new file, open for writing, which takes the target's place at the end; after an exception the target is as it was.

    mode: of the file; None: that of the file that it replaces, and without one what the umask leaves of 0666.
    on_disk: what it holds and its name are on the disk before this ends. OSError: it cannot be written there.
    """
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fresh = f".{target.name[:_SHOWN]}.{os.urandom(8).hex()}"
        descriptor = os.open(fresh, _NEW, 0o666 if mode is None else mode, dir_fd=folder)
        try:
            kept = _mode_of(target.name, folder) if mode is None else mode
            with os.fdopen(descriptor, "wb") as file:
                if kept is not None:
                    os.fchmod(descriptor, kept)
                yield file
                file.flush()
                if on_disk:
                    os.fsync(descriptor)
            os.replace(fresh, target.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(fresh, dir_fd=folder)
            raise
        if on_disk:
            os.fsync(folder)
    finally:
        os.close(folder)


def write_bytes(target: Path, content: bytes, mode: int | None = None, *, on_disk: bool = False) -> None:
    """As whole_file()."""
    with whole_file(target, mode, on_disk=on_disk) as file:
        file.write(content)


def write_text(target: Path, text: str, mode: int | None = None) -> None:
    """UTF-8; as whole_file()."""
    write_bytes(target, text.encode(), mode)


def growing_file(path: Path, *, append: bool = True, mode: int = OWNERS) -> int:
    """The descriptor of a file, open for writing at its end: a log, or records as they are made. mode: of a new one.

    append False: what it held goes. OSError: it is a link, is known under another name too, or is a pipe or socket.
    """
    descriptor = os.open(path, _GROWING | (os.O_APPEND if append else 0), mode)
    try:
        status = os.fstat(descriptor)
        regular = stat.S_ISREG(status.st_mode)
        if (regular and status.st_nlink != 1) or not (regular or stat.S_ISCHR(status.st_mode)):
            raise OSError(errno.EINVAL, "it is not a file with one name", str(path))
        os.set_blocking(descriptor, True)
        if regular and not append:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _mode_of(name: str, folder: int) -> int | None:
    """Of the regular file of this name; None where there is none."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    return stat.S_IMODE(mode) & 0o777 if stat.S_ISREG(mode) else None
