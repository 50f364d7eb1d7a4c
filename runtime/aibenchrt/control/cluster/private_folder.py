"""Folders that nobody else can have prepared or can write to: where keys, passwords and what hosts run as root are kept on this machine."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from aibenchrt.control.run_directory import foreign
from aibenchrt.errors import EnvironmentFailure


def private_folder(folder: Path) -> None:
    """Makes it, with mode 0700, or checks it. EnvironmentFailure AIB692: it is a link or no folder, belongs to another user, or others can
    write to it or to where it is. OSError: it cannot be made."""
    folder = Path(os.path.abspath(folder))
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir(mode=0o755, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if reason := strange(folder):
        raise EnvironmentFailure("AIB692", folder=folder, reason=reason)


def strange(folder: Path) -> str:
    """Why it is not ours alone; '' if it is."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return "it is a link, or no folder"
    if reason := foreign(status):
        return reason
    for parent in folder.resolve().parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"anybody can rename folders in '{parent}'"
    return ""
