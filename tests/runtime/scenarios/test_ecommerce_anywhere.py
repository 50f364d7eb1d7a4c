"""The main job where operators are, all at once: odd folders, a dead proxy, umask 077, LC_ALL=C, -O, a long TMPDIR, nohup."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.home import home
from paths import ROOT
from shop_plan import free_ports

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

FOLDER = "R&D é (1)"
HIDDEN = ("no_proxy", "NO_PROXY", "LANG", "PYTHONPATH", "PYTHONUTF8", "AIBENCH_HOME")
SURROUNDINGS = {
    "http_proxy": "http://127.0.0.1:1",
    "https_proxy": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
    "LC_ALL": "C",
    "PYTHONOPTIMIZE": "1",
    "AIBENCH_HOME": "./my data; $HOME",  # relative
    "TMPDIR": "t" * 80,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with a virtual environment of its own, and the data and models that are here already."""
    folder = tmp_path / FOLDER
    for part in ("compiler", "runtime", "grammar", "templates", "specs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    data = folder / SURROUNDINGS["AIBENCH_HOME"]
    data.mkdir()
    for name in ("worlds", "models"):
        (home() / name).mkdir(exist_ok=True)
        (data / name).symlink_to(home() / name)
    (folder / SURROUNDINGS["TMPDIR"]).mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / ".venv")], check=True)
    (packages,) = (folder / ".venv" / "lib").glob("python*/site-packages")
    installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    # Relative, as .ci/setup writes it: Python reads the file as ASCII under LC_ALL=C.
    paths = [*(os.path.relpath(folder / part, packages) for part in ("compiler", "runtime")), *dict.fromkeys(installed)]
    (packages / "checkout.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    return folder


def test_the_main_job_runs_where_operators_are(folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN} | SURROUNDINGS
    environment["TMPDIR"] = str(folder / SURROUNDINGS["TMPDIR"])
    command = ["nohup", str(folder / ".venv" / "bin" / "python"), "-m", "aibenchc", "run", "specs/ecommerce.aib"]
    command += ["--data", "synthetic", "--size", "tiny", "--rate", "10", "--duration", "8", "--warmup", "1", "--supplement", "2"]
    command += ["--first-port", str(free_ports(1)[0])]
    ended = subprocess.run(
        command, cwd=folder, env=environment, umask=0o077, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 0, ended.stderr
    run = read_run(Path(ended.stdout.strip().splitlines()[-1]))
    assert run.directory.is_relative_to(folder)
    assert run.info.outcome == "completed"
    assert Counter(r.outcome for r in run.requests) == {"ok": len(run.schedule)}
    assert {call.outcome for call in run.calls} == {"ok"}
    for verb in (["validate", str(run.directory), "--report"], ["report", str(run.directory)]):
        command = [str(folder / ".venv" / "bin" / "python"), "-m", "aibenchc", *verb]
        judged = subprocess.run(command, cwd=folder, env=environment, umask=0o077, capture_output=True, encoding="utf-8", check=False)
        assert judged.returncode in (0, 1, 3, 4), judged.stderr  # a busy machine is not what is tried here
        assert "Traceback" not in judged.stderr
    assert not list((folder / SURROUNDINGS["TMPDIR"]).glob("aibench*")), "temporary folders are gone"
