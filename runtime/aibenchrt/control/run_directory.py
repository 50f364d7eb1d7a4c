"""The directory of a run: created anew, for its owner alone, with coded failures for a full disk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Container, Iterator
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure

OWNERS = 0o700  # what was sent and answered, names of hosts and users: whoever else may read it is for the owner to say


def new_directory(runs: Path, name: str) -> Path:
    """<runs>/<name>, as new_folder(), with a folder for its logs."""
    directory = new_folder(runs, name)
    try:
        (directory / "logs").mkdir(OWNERS)
        (directory / "logs").chmod(OWNERS)
    except OSError as error:
        raise EnvironmentFailure("AIB611", runs=runs, reason=error.strerror) from error
    return directory


def new_folder(runs: Path, name: str) -> Path:
    """<runs>/<name>, or <name>-<n> if there is one; mode 0700, whatever the umask. EnvironmentFailure AIB611: it cannot be made."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for number in range(1000):
            directory = runs / (name if number == 0 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                directory.mkdir(OWNERS)
                directory.chmod(OWNERS)
                return directory.resolve()
    except OSError as error:
        raise EnvironmentFailure("AIB611", runs=runs, reason=error.strerror) from error
    raise EnvironmentFailure("AIB611", runs=runs, reason="no directory name is free; remove old runs")


def stranger(directory: Path) -> str:
    """Why this run directory is not to be gone on with: somebody else can write into it, or it leads elsewhere; '' if it is ours."""
    if reason := foreign(directory.stat()):
        return reason
    links = sorted(path.name for path in directory.iterdir() if path.is_symlink())
    return f"'{links[0]}' in it is a link" if links else ""


def foreign(status: os.stat_result) -> str:
    """Why a folder is not ours alone, whoever may write to where it is; '' if it is."""
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    return "others can write to it" if stat.S_IMODE(status.st_mode) & 0o022 else ""


def first_difference(folder: Path, expected: Path, besides: Container[str] = ()) -> str:
    """The first path, in the order of names, that only one of two folders has or that differs in kind or content; '' if there is none.
    besides: paths that may differ. A link is a difference."""
    names = {path.relative_to(root).as_posix() for root in (folder, expected) for path in root.rglob("*")}
    return next((name for name in sorted(names) if name not in besides and not _same(folder / name, expected / name)), "")


def _same(left: Path, right: Path) -> bool:
    if any(path.is_symlink() or not path.exists() for path in (left, right)):
        return False
    if left.is_dir() or right.is_dir():
        return left.is_dir() and right.is_dir()
    return left.is_file() and right.is_file() and left.stat().st_size == right.stat().st_size and left.read_bytes() == right.read_bytes()


@contextlib.contextmanager
def disk_full(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EnvironmentFailure("AIB605", what=directory, reason="no space left on its disk", way_out="free some space") from error
