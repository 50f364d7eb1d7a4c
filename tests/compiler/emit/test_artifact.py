"""Writing artifacts: all or none, nobody else's files, nothing outside, nothing stale."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from aibenchc.emit.artifact import MANIFEST, Artifact, manifest, write
from aibenchrt.errors import EnvironmentFailure


def artifacts(**files: str) -> tuple[Artifact, ...]:
    made = tuple(Artifact(PurePosixPath(name.replace("__", "/").replace("_", ".")), text.encode()) for name, text in files.items())
    return (*made, manifest(made, {"a.aib": "0"}, {}, "1"))


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != str(MANIFEST)}


def test_writes_replaces_and_removes_what_is_stale(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    write(out, artifacts(a_txt="1", d__b_txt="2", d__e__c_txt="3"))
    assert contents(out) == {"a.txt": "1", "d/b.txt": "2", "d/e/c.txt": "3"}
    (out / "d/e/__pycache__").mkdir()
    (out / "d/e/__pycache__/c.pyc").write_bytes(b"x")
    before = (out / "a.txt").stat().st_ino
    write(out, artifacts(a_txt="1", d__b_txt="changed"))
    assert contents(out) == {"a.txt": "1", "d/b.txt": "changed"}
    assert not (out / "d/e").exists()
    assert (out / "a.txt").stat().st_ino == before, "what did not change is not written again"
    assert set(json.loads((out / "manifest.json").read_text())["outputs"]) == {"a.txt", "d/b.txt"}
    assert {p.name for p in out.iterdir()} == {"a.txt", "d", "manifest.json"}


def refused(out: Path, code: str = "AIB502", **files: str) -> EnvironmentFailure:
    before = sorted((p.as_posix(), p.read_bytes() if p.is_file() else b"") for p in out.rglob("*"))
    with pytest.raises(EnvironmentFailure) as failure:
        write(out, artifacts(**files))
    assert failure.value.code == code
    assert sorted((p.as_posix(), p.read_bytes() if p.is_file() else b"") for p in out.rglob("*")) == before
    return failure.value


def test_leaves_a_folder_of_someone_else_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "thesis.tex" in refused(tmp_path, a_txt="1").message
    (tmp_path / "manifest.json").write_text('{"version": 1, "outputs": {"../x": ""}}')
    refused(tmp_path, a_txt="1")
    (tmp_path / "manifest.json").write_text("[not ours")
    refused(tmp_path, a_txt="1")


def test_refuses_where_someone_added_a_file(tmp_path: Path) -> None:
    write(tmp_path / "out", artifacts(a_txt="1"))
    (tmp_path / "out/inventory.ini").write_text("mine")
    assert "inventory.ini" in refused(tmp_path / "out", a_txt="2").message


@pytest.mark.parametrize("link", ["a.txt", "d"])
def test_follows_no_link_out(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.txt").write_text("not ours")
    out = tmp_path / "out"
    write(out, artifacts(a_txt="1", d__b_txt="2"))
    if link == "d":
        (out / "d/b.txt").unlink()
        (out / "d").rmdir()
        (out / "d").symlink_to(elsewhere)
    else:
        (out / "a.txt").unlink()
        (out / "a.txt").symlink_to(elsewhere / "b.txt")
    refused(out, a_txt="3", d__b_txt="3")
    assert (elsewhere / "b.txt").read_text() == "not ours"


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\b", ""])
def test_no_artifact_leads_out(path: str) -> None:
    with pytest.raises(ValueError, match="not a path below"):
        Artifact(PurePosixPath(path), b"")


BIG = """
import resource, sys
from pathlib import Path, PurePosixPath
from aibenchc.emit.artifact import Artifact, manifest, write
from aibenchrt.errors import EnvironmentFailure
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))     # as a full disk: the write fails with OSError
made = (Artifact(PurePosixPath("a.txt"), b"new"), Artifact(PurePosixPath("big.bin"), b"x" * 100_000))
try:
    write(Path(sys.argv[1]), (*made, manifest(made, {}, {}, "1")))
except EnvironmentFailure as failure:
    print(failure.code)
"""


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, exists: bool) -> None:
    out = tmp_path / "made" / "out"
    if exists:
        write(out, artifacts(a_txt="old"))
    ended = subprocess.run([sys.executable, "-c", BIG, str(out)], capture_output=True, text=True, check=False)
    assert ended.stdout == "AIB507\n", ended.stderr
    assert (contents(out) == {"a.txt": "old"} and len(list(out.iterdir())) == 2) if exists else not out.parent.exists()


def test_a_compile_that_died_halfway_is_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    write(out, artifacts(a_txt="old", gone_txt="old"))
    rename, calls = Path.rename, []

    def dies(path: Path, target: Path) -> Path:
        calls.append(target.name)
        if target.name == "b.txt":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        write(out, artifacts(a_txt="new", b_txt="new"))
    monkeypatch.undo()
    assert "a.txt" in calls
    write(out, artifacts(a_txt="new", b_txt="new"))
    assert contents(out) == {"a.txt": "new", "b.txt": "new"}


def test_two_compiles_do_not_mix(tmp_path: Path) -> None:
    import fcntl
    import os

    write(tmp_path, artifacts(a_txt="1"))
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert "another compile" in refused(tmp_path, "AIB508", a_txt="2").message
    finally:
        os.close(descriptor)


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "out", "AIB507", a_txt="1")
