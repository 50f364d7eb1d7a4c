"""Run directories are their owner's alone, whatever the umask and whoever made the folder above."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.control.cluster.archives import archive
from aibenchrt.control.local.triton import backends
from aibenchrt.control.run_directory import new_directory
from aibenchrt.errors import EnvironmentFailure


@pytest.fixture(params=(0o000, 0o022, 0o027, 0o077, 0o177, 0o777), ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_run_directory_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    runs.chmod(0o755)
    for name in ("shop", "shop-1"):
        directory = new_directory(runs, "shop")
        assert directory.name == name, oct(umask)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        (directory / "logs" / "triton.log").write_text("")


@pytest.mark.usefixtures("umask")
def test_what_is_shipped_has_its_modes_from_us(tmp_path: Path) -> None:
    """Whatever the umask left of the files here, and whether this file system runs programs."""
    for name, mode in (("program", 0o700), ("data", 0o600), ("shared", 0o664)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    store = tmp_path / "store"
    store.mkdir()
    store.chmod(0o700)
    entries = [(name, tmp_path / name) for name in ("program", "data", "shared")]
    for private, kept in ((False, 0o777), (True, 0o700)):
        name = archive(f"{private}", entries, store, private=private)
        assert stat.S_IMODE((store / f"{name}.tar.gz").stat().st_mode) == 0o600
        with tarfile.open(store / f"{name}.tar.gz") as tar:
            modes = {member.name.partition("/")[2]: member.mode for member in tar if member.isfile()}
        assert modes | {"program": 0o755 & kept, "data": 0o644 & kept, "shared": 0o644 & kept} == modes


@pytest.mark.parametrize("mask", [0o027, 0o077], ids=oct)
def test_tritons_backend_has_its_modes_from_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    before = os.umask(mask)
    try:
        folder = backends()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert modes.pop("triton_python_backend_stub") == modes.pop("python") == modes.pop(folder.name) == 0o755
    assert set(modes.values()) == {0o644}


def test_a_link_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shop").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "shop-1").symlink_to(tmp_path / "nowhere")
    assert new_directory(tmp_path, "shop").name == "shop-2"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_place_where_none_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(EnvironmentFailure, match="AIB611"):
        new_directory(tmp_path / "runs", "shop")
