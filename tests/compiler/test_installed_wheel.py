"""The wheel in an environment of its own, in a folder that holds nothing else: aibenchc alone compiles, with every Python that is here.

AIBENCH_PYTHONS: further programs of Python, separated by colons, as of 3.12 and 3.13 where they are not in PATH.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aibenchrt.control.cluster.lock import hashes
from paths import ROOT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(ROOT)]
    subprocess.run(command, check=True)
    return next(out.glob("*.whl"))


class Installed:
    """The wheel with an extra in a fresh virtual environment, and an empty folder to work in."""

    def __init__(self, folder: Path, wheel: Path, extra: str = "", python: str = sys.executable) -> None:
        self.bin, self.work = folder / "venv" / "bin", folder / "work"
        self.work.mkdir()
        subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
        constraints = folder / "constraints.txt"  # the versions that the other tests run with
        constraints.write_text("\n".join(hashes()), encoding="utf-8")
        wanted = [f"{wheel}[{extra}]" if extra else str(wheel), "--constraint", str(constraints)]
        subprocess.run([self.bin / "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], check=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AIBENCH", "DISPLAY"))}
        self.environment = kept | {"HOME": str(folder), "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def aibenchc(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["aibenchc", *words]
        return subprocess.run(command, cwd=self.work, env=self.environment, capture_output=True, text=True, check=False)

    def has(self, module: str) -> bool:
        return subprocess.run([self.bin / "python", "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def pythons() -> list[str]:
    """This Python, and 3.12 and 3.13 where they are here and run."""
    known = [
        *filter(None, os.environ.get("AIBENCH_PYTHONS", "").split(":")),
        *filter(None, map(shutil.which, ("python3.12", "python3.13"))),
    ]
    return [
        sys.executable,
        *(path for path in known if not subprocess.run([path, "--version"], capture_output=True, check=False).returncode),
    ]


@pytest.mark.parametrize("python", pythons(), ids=os.path.basename)
def test_aibenchc_alone_compiles_a_scenario_in_an_empty_folder(python: str, wheel: Path, tmp_path: Path) -> None:
    """What it makes is the same, byte for byte, whichever Python makes it."""
    alone = Installed(tmp_path, wheel, python=python)
    assert not any(alone.has(module) for module in ("torch", "tritonclient", "numpy", "pandas", "ansible"))
    for words in (
        "--version",
        "new ecommerce --from ecommerce",
        "check ecommerce.aib",
        "compile ecommerce.aib",
        "new shop",
        "compile shop.aib",
    ):
        ended = alone.aibenchc(*words.split())
        assert ended.returncode == 0, ended.stderr
    made = ROOT / "generated" / "ecommerce"
    for path in made.rglob("*"):
        if path.is_file():
            assert (alone.work / "generated" / "ecommerce" / path.relative_to(made)).read_bytes() == path.read_bytes()
    for words, extra in (("run shop.aib", "run"), ("demo", "run"), ("report runs/x", "report")):
        ended = alone.aibenchc(*words.split())
        assert ended.returncode == 2
        assert f"pip install 'aibenchc[{extra}]'" in ended.stderr
    assert {path.name for path in alone.work.iterdir()} == {"ecommerce.aib", "shop.aib", "generated"}


@pytest.mark.timeout(1200)
def test_demo_goes_from_a_spec_to_a_report_in_an_empty_folder_within_two_minutes_of_cpu_time(wheel: Path, tmp_path: Path) -> None:
    """Of the CPU time of all its processes: on two cores that nobody else uses it took 83 s by the clock, of which 25 s are load."""
    whole = Installed(tmp_path, wheel, "run")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = whole.aibenchc("demo")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.returncode in (0, 1, 3, 4), ended.stderr  # where this machine is busy it is INVALID, and says so
    (page,) = (whole.work / "aibenchc-demo" / "runs").glob("*/report.html")
    assert "Content-Security-Policy" in page.read_text(encoding="utf-8")
    verdict, where = ended.stderr.splitlines()[-2:]
    assert verdict.startswith(("VALID", "INVALID"))
    assert where == f"the report: {page.resolve()}"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 120
