"""A library as a wheel: made from what is installed, the same bytes each time, and what pip takes for one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from partner import ACME_TICKETS, environment

MAKE = """
import json, pathlib, sys
from aibenchrt.libraries import use
from aibenchrt.plan import PlanLibrary
from aibenchrt.wheel import wheel_of
(used,) = use(["acme_tickets"])
wheel = wheel_of(PlanLibrary(name=used.name, distribution=used.distribution, version=used.version))
pathlib.Path(sys.argv[1], wheel.name).write_bytes(wheel.content)
print(json.dumps([wheel.name, wheel.sha256]))
"""


def made(programs: Path, folder: Path) -> tuple[str, str]:
    folder.mkdir()
    ended = subprocess.run([programs / "python", "-c", MAKE, str(folder)], capture_output=True, text=True, check=True)
    name, digest = json.loads(ended.stdout)
    return name, digest


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("partner") / "environment", ACME_TICKETS)


def test_pip_installs_it_and_what_is_installed_from_it_gives_it_again(programs: Path, tmp_path: Path) -> None:
    name, digest = made(programs, tmp_path / "first")
    again = environment(tmp_path / "environment")
    site = next((tmp_path / "environment" / "lib").glob("python*/site-packages"))
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(tmp_path / "first" / name)], check=True)
    assert made(again, tmp_path / "second") == (name, digest)
    assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.long
def test_an_edit_of_its_code_is_another_wheel(tmp_path: Path) -> None:
    programs = environment(tmp_path / "environment", ACME_TICKETS)
    name, digest = made(programs, tmp_path / "before")
    (service,) = (tmp_path / "environment" / "lib").rglob("acme_tickets/tidy/service.py")
    service.write_text(service.read_text() + "\nMORE = 1\n")
    assert made(programs, tmp_path / "after") != (name, digest)


def test_an_editable_installation_is_one_too(programs: Path, tmp_path: Path) -> None:
    """As after `pip install -e`: the metadata is in site-packages, the code in its source folder."""
    name, digest = made(programs, tmp_path / "installed")
    editable = environment(tmp_path / "environment")
    site = next((tmp_path / "environment" / "lib").glob("python*/site-packages"))
    (installed,) = programs.parent.rglob("acme_tickets-1.0.dist-info")
    target = site / installed.name
    target.mkdir()
    for file in ("METADATA", "entry_points.txt", "WHEEL"):
        (target / file).write_bytes((installed / file).read_bytes())
    (target / "RECORD").write_text(f"__editable__.acme_tickets.pth,,\n{installed.name}/METADATA,,\n")
    (site / "__editable__.acme_tickets.pth").write_text(f"{ACME_TICKETS}\n")
    assert made(editable, tmp_path / "edited") == (name, digest)
