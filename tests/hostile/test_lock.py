"""requirements.lock: what pip installs here and for hosts is what somebody looked at, file by file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from aibenchrt.control.cluster.libraries import installed, members
from aibenchrt.control.cluster.lock import hashes, lock_text, split
from aibenchrt.errors import EnvironmentFailure
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKED = dict(pin.split("==") for pin in hashes())
UNLOCKED = ("aibenchc", "torch")  # ourselves, and what the lock's head gives the reason for
PYTHONS: list[dict[str, str]] = [{"python_version": "3.11"}, {"python_version": "3.12"}]  # of .ci/setup
CUDA = re.compile(r"(nvidia|cuda)-.*|triton")


def wanted() -> list[Requirement]:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values(), *PROJECT["dependency-groups"].values()]
    required = [Requirement(text) for group in groups for text in group]
    return [need for need in required if any(need.marker is None or need.marker.evaluate(python) for python in PYTHONS)]


@pytest.mark.parametrize("requirement", [r for r in wanted() if r.name not in UNLOCKED], ids=str)
def test_the_lock_fits_pyproject(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    assert name in LOCKED, "run .ci/lock"
    assert requirement.specifier.contains(LOCKED[name]), "run .ci/lock"


def test_the_lock_has_hashes_for_every_pin_and_no_addresses() -> None:
    text = lock_text()
    assert len(hashes()) > 100
    assert all(hashes().values())
    assert "://" not in text
    options = set(re.findall(r"(?<!\S)--?[a-z-]+", re.sub(r"^#.*$", "", text, flags=re.M)))
    assert options == {"--hash"}
    assert text.count("--hash=sha256:") == sum(map(len, hashes().values()))


def test_every_package_is_locked_in_one_version() -> None:
    """One that differs between Pythons could be no constraint of pip's, which knows the pins alone."""
    assert len(hashes()) == len(LOCKED), "bound what has several, in pyproject.toml"


def test_torch_is_left_out_and_the_lock_says_why() -> None:
    assert "torch" not in LOCKED
    assert re.search(r"^# torch is left out", lock_text(), re.M)
    needed = [Requirement(text) for text in importlib.metadata.requires("torch") or ()]
    needed = [need for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert needed
    for need in needed:
        name = canonicalize_name(need.name)
        assert CUDA.fullmatch(name) or need.specifier.contains(LOCKED[name]), f"{need}: add it to the group `setup` and run .ci/lock"


def test_setup_asks_for_nothing_without_hashes_but_torch() -> None:
    calls = re.findall(r"^install (.*)$", (ROOT / ".ci" / "setup").read_text(encoding="utf-8"), re.M)
    unchecked = [call for call in calls if "--require-hashes" not in call]
    assert len(calls) == 4
    assert [re.sub(r" #.*", "", call) for call in unchecked] == ["\"$(grep -o 'torch==[0-9.]*' pyproject.toml)\"", "--no-deps --editable ."]


def test_every_library_that_hosts_get_is_locked() -> None:
    locked, others = split(pin for group in members().values() for pin in group)
    assert len(locked) > 20
    assert others == []


def test_a_wheel_that_somebody_exchanged_is_not_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, version = min(pin for group in members().values() for pin in group).split("==")
    stem = f"{name.replace('-', '_')}-{version}"
    forged = tmp_path / "index" / f"{stem}-py3-none-any.whl"
    forged.parent.mkdir()
    with zipfile.ZipFile(forged, "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
    for variable, value in {"CONFIG_FILE": "/dev/null", "NO_INDEX": "1", "FIND_LINKS": str(forged.parent)}.items():
        monkeypatch.setenv(f"PIP_{variable}", value)
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    with pytest.raises(EnvironmentFailure) as failure:
        installed(lambda _: None)
    assert failure.value.code == "AIB650"
    assert hashlib.sha256(forged.read_bytes()).hexdigest() in failure.value.message  # pip: expected …, got …
    assert not list((tmp_path / "home" / "libraries").glob("*[!d]"))  # what is unfinished is not used
