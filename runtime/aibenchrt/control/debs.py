"""Debian packages for hosts that reach no archive: a package with all that it needs, as a local archive that a host's apt reads.

Downloaded once by this machine's apt; each host's own apt then decides what of it is missing there.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from aibenchrt.control.archives import WHOLE
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home

INDEX = "Packages"


def packages(name: str, progress: Callable[[str], None]) -> tuple[Path, str]:
    """A folder of .deb files with their index, kept in home()/debs, and the version of `name` in it.

    What every Debian host has (priority required) is left out. EnvironmentFailure AIB601: this machine's apt cannot download them.
    """
    folder = home() / "debs" / name
    if not (folder / WHOLE).exists():
        progress(f"downloading {name}")
        unfinished = folder.with_name(f"{name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / "partial").mkdir(parents=True)
        _download(name, unfinished)
        shutil.rmtree(unfinished / "partial")
        _write_index(unfinished)
        (unfinished / WHOLE).touch()
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    found = re.search(
        rf"^Package: {re.escape(name)}\n(?:.+\n)*?Version: (\S+)$", (folder / INDEX).read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found, f"{name} was downloaded"
    return folder, found[1]


def _download(name: str, folder: Path) -> None:
    """As for a machine that has nothing installed."""
    status = folder / "partial" / "status"
    status.touch()
    options = {"Dir::State::status": status, "Dir::Cache::archives": folder, "APT::Sandbox::User": "root", "Debug::NoLocking": "1"}
    command = ["apt-get", "install", "--yes", "--quiet", "--download-only", "--no-install-recommends"]
    command += [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    try:
        _run([*command, name], "")
    except EnvironmentFailure:  # its lists may be old, or not there yet
        _run(["apt-get", "update", "--quiet"], "see what apt says")
        _run([*command, name], "see what apt says")


def _write_index(folder: Path) -> None:
    entries = []
    for path in sorted(folder.glob("*.deb")):
        fields = _run(["dpkg-deb", "--field", str(path)], "the file may be broken: remove it").rstrip("\n")
        if re.search(r"^Priority: required$", fields, re.MULTILINE):
            path.unlink()
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        entries.append(f"{fields}\nFilename: ./{path.name}\nSize: {path.stat().st_size}\nSHA256: {digest}\n")
    (folder / INDEX).write_text("\n".join(entries), encoding="utf-8")


def _run(command: list[str], hint: str) -> str:
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EnvironmentFailure("AIB601", f"no {command[0]} here to get Debian packages for hosts", "use a Debian control host") from error
    if ended.returncode:
        raise EnvironmentFailure("AIB601", f"{command[0]} failed: {ended.stderr.strip()[-500:]}", hint)
    return ended.stdout
