"""Programs from Debian packages for hosts that reach no archive: a package and the libraries that it needs, unpacked, to be shipped.

Not installed by the host's dpkg: an archive of today may ask for other versions of what a host has, and nothing of the host's own may
change. Downloaded once by this machine's apt.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from aibenchrt.control.cluster.archives import Entry, tree
from aibenchrt.control.cluster.whole_folder import is_whole, whole_folder
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home

LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
HOSTS_OWN = "libc6"  # a library must fit the loader, which is the host's
SKIPPED = (
    "/bitcode/",
    "/llvmjit",
    "/libLLVM",
    "/libz3",
    "/perl",
    "/locale/",
    "/man/",
)  # what only query compilation, other languages and readers need


def unpacked(name: str, folders: tuple[str, ...], progress: Callable[[str], None]) -> list[Entry]:
    """These folders of a package, and lib/ with the shared libraries of all that it needs. Kept in home()/debs.

    EnvironmentFailure AIB601: no apt; AIB651: it cannot download them.
    """
    kept = home() / "debs" / name
    if not is_whole(kept):
        progress(f"fetching {name} with apt")
        with whole_folder(kept) as unfinished:
            (unfinished / "debs" / "partial").mkdir(parents=True)
            _download(name, unfinished / "debs")
            for path in sorted((unfinished / "debs").glob("*.deb")):
                if not path.name.startswith(f"{HOSTS_OWN}_"):
                    _run(["dpkg-deb", "--extract", str(path), str(unfinished / "root")])
            shutil.rmtree(unfinished / "debs")
    entries = [entry for folder in folders for entry in tree(kept / "root" / folder, folder)]
    for folder in LIBRARIES:
        entries += [(f"lib/{path.name}", path) for path in sorted((kept / "root" / folder).glob("*.so*"))]
    return [(member, path) for member, path in entries if isinstance(path, Path) and path.exists() and not _skipped(path)]


def _skipped(path: Path) -> bool:
    return any(part in path.as_posix() for part in SKIPPED)


def _download(name: str, folder: Path) -> None:
    """All that it needs, as for a machine that has nothing installed."""
    status = folder / "partial" / "status"
    status.touch()
    options = {"Dir::State::status": status, "Dir::Cache::archives": folder, "APT::Sandbox::User": "root", "Debug::NoLocking": "1"}
    command = ["apt-get", "install", "--yes", "--quiet", "--download-only", "--no-install-recommends"]
    command += [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    try:
        _run([*command, name])
    except EnvironmentFailure:  # its package lists may be old or missing
        _run(["apt-get", "update", "--quiet"])
        _run([*command, name])


def _run(command: list[str]) -> None:
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EnvironmentFailure(
            "AIB601", what=f"{command[0]}, which gets Debian packages for hosts,", install="use a Debian control host"
        ) from error
    if ended.returncode:
        raise EnvironmentFailure("AIB651", command=command[0], reason=ended.stderr.strip()[-500:])
