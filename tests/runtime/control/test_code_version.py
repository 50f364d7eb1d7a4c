"""Which code made a run: the commit is that of the code, not of a repository that it happens to be installed below."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from aibenchrt.control import code_version


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the package committed in `own`, and installed, but not committed, in `.venv`."""
    for place in ("own", ".venv"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "own")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def commit_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(code_version, "_folder", lambda _package: folder)
    monkeypatch.setattr(code_version.importlib.metadata, "distribution", _not_installed)
    return code_version._commit()


def _not_installed(name: str) -> None:
    raise code_version.importlib.metadata.PackageNotFoundError(name)


def test_the_commit_is_that_of_the_code(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = commit_of(repository / "own", monkeypatch)
    assert len(commit) == 40
    (repository / "own/__init__.py").write_text("changed = True\n")
    assert commit_of(repository / "own", monkeypatch) == f"{commit}-dirty"


def test_code_below_another_repository_has_no_commit_of_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit_of(repository / ".venv", monkeypatch) == ""


def test_without_git_the_hash_still_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code_version.code_info.cache_clear()
    info = code_version.code_info()
    code_version.code_info.cache_clear()
    assert info.commit == ""
    assert len(info.sha256) == 64
