"""Run directories are their owner's alone, whatever the umask and whoever made the folder above."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.control.cluster.archives import archive
from aibenchrt.control.local.triton import backends
from aibenchrt.control.run_directory import new_directory
from aibenchrt.errors import EnvironmentFailure
from paths import ROOT


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


SURVEY = ROOT / "templates" / "ansible" / "roles" / "base" / "files" / "survey.py"
UNPACK = ROOT / "templates" / "ansible" / "roles" / "base" / "files" / "unpack.py"


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077], ids=oct)
def test_what_a_host_unpacks_has_its_modes_from_us_whatever_its_umask(tmp_path: Path, mask: int) -> None:
    """The program with which root unpacks on a host, as users of parts must be able to read what it leaves."""
    (tmp_path / "program").touch()
    (tmp_path / "program").chmod(0o700)
    entries = [("bin/program", tmp_path / "program"), ("data", tmp_path / "program"), ("key.pem", b"secret")]
    names = [archive(part, entries, tmp_path / "store", private=part == "tls") for part in ("code", "tls")]
    with tarfile.open(tmp_path / "shipped.tar", "w") as bundle:
        for name in names:
            bundle.add(tmp_path / "store" / f"{name}.tar.gz", f"{name}.tar.gz")
    (tmp_path / "root").mkdir()
    words = [word for name in names for word in (str(tmp_path / "root"), f"{name}.tar.gz", "root")]
    subprocess.run([sys.executable, str(UNPACK), str(tmp_path / "shipped.tar"), *words], umask=mask, check=True, capture_output=True)
    modes = {path.relative_to(tmp_path / "root").as_posix(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "root").rglob("*")}
    code, tls = names
    assert (modes[code], modes[f"{code}/bin/program"], modes[f"{code}/data"], modes[f"{code}/key.pem"]) == (0o755, 0o755, 0o755, 0o644)
    assert {modes[tls], modes[f"{code}/bin"]} == {0o755}
    assert modes[f"{tls}/key.pem"] == 0o600


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077], ids=oct)
def test_the_folders_of_an_install_record_can_be_searched_whatever_the_hosts_umask(tmp_path: Path, mask: int) -> None:
    """The first that a deployment makes on a host; all that parts write to lies below it."""
    program = SURVEY.read_text(encoding="utf-8").replace("\nmain(*sys.argv[1:])\n", "\nwrite_record(sys.argv[1], {})\n")
    path = tmp_path / "lib" / "aibench" / "shop" / "install.json"
    subprocess.run([sys.executable, "-c", program, str(path)], umask=mask, check=True)
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in path.parents[:3]} == {0o755}


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
