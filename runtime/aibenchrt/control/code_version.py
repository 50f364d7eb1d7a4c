"""Which code made a run: version, commit and a hash of what is installed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from aibenchrt.collect.run_info import CodeInfo

_PACKAGES = ("aibenchc", "aibenchrt")
_GIT_S = 5.0


@cache
def code_info() -> CodeInfo:
    """Of this process's own code. The hash is over the names and bytes of all Python files of both packages, sorted by name."""
    digest = hashlib.sha256()
    for name, path in _sources():
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return CodeInfo(version=_version(), commit=_commit(), sha256=digest.hexdigest())


def _sources() -> Iterator[tuple[str, Path]]:
    for package in _PACKAGES:
        if folder := _folder(package):
            yield from ((f"{package}/{path.relative_to(folder).as_posix()}", path) for path in sorted(folder.rglob("*.py")))


def _folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _version() -> str:
    try:
        return importlib.metadata.version("aibenchc")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _commit() -> str:
    """The commit that the code was checked out or installed from, with '-dirty' after it if files were changed since; '': unknown."""
    try:
        installed = json.loads(importlib.metadata.distribution("aibenchc").read_text("direct_url.json") or "{}")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        installed = {}
    if commit := installed.get("vcs_info", {}).get("commit_id"):
        return str(commit)
    folder = _folder(_PACKAGES[1])
    # Installed below somebody's own repository, as in its .venv, the code has nothing to do with what is committed there.
    if folder is None or not _git(folder, "ls-files", "--error-unmatch", "__init__.py"):
        return ""
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *words: str) -> str:
    """What it says; '' where there is no git, or it refuses."""
    try:
        said = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=_GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
