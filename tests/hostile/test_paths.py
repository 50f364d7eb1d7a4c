"""Where operators keep things: folders with blanks, letters of no shell's, long TMPDIRs, no home, file systems that run nothing."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.control.cluster.playbooks import Playbooks
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.triton import TritonServer, assemble, backends, runnable_backends
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home_folder
from aibenchrt.progress import silent
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.tls import CHANNEL_OPTIONS, Sockets
from observed_run import wait_until
from shop_plan import generate, shop_plan
from tritonclient import grpc as triton_grpc

STRANGE = "R&D é (1);'$x"
SOCKET_PATH = 107  # bytes of a Unix socket's path
CONTROL_SOCKET = "/0123456789.0123456789abcdef"  # what Ansible and ssh put behind the folder of control sockets
MODEL = """
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUT", request.inputs()[0].as_numpy() + 1)]) for request in requests]
"""
CONFIG = """
backend: "python"
input { name: "IN" data_type: TYPE_INT64 dims: [ 1 ] }
output { name: "OUT" data_type: TYPE_INT64 dims: [ 1 ] }
"""


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    folder = tmp_path / STRANGE
    folder.mkdir()
    return folder


@pytest.fixture
def _temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)  # as in a new process


def test_triton_serves_from_a_folder_of_any_name(strange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(strange / "home"))
    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    plan = shop_plan()
    only = plan.model_copy(update={"steps": (next(step for step in plan.steps if step.task == "category"),)})
    repository = strange / "run" / "triton"
    stage = only.steps[0].stages[0].name
    assemble(only, generate(plan, strange / "generated"), {stage: strange}, repository)
    (repository / "category" / "1" / "model.py").write_text(MODEL)
    (repository / "category" / "config.pbtxt").write_text(CONFIG)
    (strange / "logs").mkdir()
    endpoint = "127.0.0.1:21001"
    with contextlib.closing(ShortFolder()) as short, Processes(strange / "logs") as processes:
        sockets = Sockets(short.path)
        server = TritonServer(only, processes, repository, endpoint, strange / "run" / "trace.json", sockets)
        server.wait_ready(120)
        with triton_grpc.InferenceServerClient(sockets.target(endpoint), channel_args=CHANNEL_OPTIONS) as client:
            given = triton_grpc.InferInput("IN", [1], "INT64")
            given.set_data_from_numpy(np.array([41]))
            assert client.infer("category", [given]).as_numpy("OUT").tolist() == [42]
        links = server.links.path
        wait_until(lambda: server.statistics()["category"].get("inference_count") == "1")  # counted after it is answered
    assert (strange / "run" / "trace.json").is_file()
    assert not links.exists()


def test_programs_that_may_not_be_executed_are_told_before_anything_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    stub = backends() / "python" / "triton_python_backend_stub"
    stub.chmod(0o644)  # as access(2) says of every file of a file system that is mounted noexec
    with pytest.raises(EnvironmentFailure, match="AIB612") as failure:
        runnable_backends()
    assert str(stub) in failure.value.message
    assert "noexec" in failure.value.hint


@pytest.mark.parametrize("named", ["data/../data", "~/data", "./data"])
def test_the_home_of_data_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AIBENCH_HOME", named)
    assert home_folder().is_absolute()
    assert home_folder().resolve() == (tmp_path / "data").resolve()


def test_a_home_of_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", "~no-user-of-this-name/data")
    with pytest.raises(EnvironmentFailure, match="AIB605") as failure:
        home_folder()
    assert "AIBENCH_HOME" in failure.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without an entry")
def test_a_user_without_an_entry_and_without_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("AIBENCH_HOME", raising=False)
    program = "import os; from aibenchrt.home import home_folder; os.setuid(54321); home_folder()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "AIB605" in ended.stderr


@pytest.mark.usefixtures("_temporary")
@pytest.mark.parametrize("name", ["t" * 80, "with blank", "é", "$HOME", "a;b"])
def test_a_short_folder_is_short_whatever_tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / name))
    before = os.umask(0o777)
    try:
        folder = ShortFolder()
    finally:
        os.umask(before)
    assert folder.path.as_posix().replace("-", "").replace("_", "").replace("/", "").replace(".", "").isalnum()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    link = folder.link("strange", tmp_path / name)
    assert link.samefile(tmp_path / name)
    folder.close()
    assert not folder.path.exists()
    assert (tmp_path / name).is_dir()


@pytest.mark.usefixtures("_temporary")
def test_control_sockets_of_ssh_fit_whatever_tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("t" * 80)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    books = Playbooks(tmp_path, tmp_path / "hosts.ini", tmp_path, tmp_path / "scratch", silent)
    assert len(f"{books.connections.path}{CONTROL_SOCKET}") <= SOCKET_PATH


def test_what_killed_processes_left_goes_and_what_others_use_stays(tmp_path: Path) -> None:
    used = ShortFolder()
    killed = (
        "import os, signal; from aibenchrt.short_folder import ShortFolder; f = ShortFolder(); print(f.path, flush=True); os.kill(0, 9)"
    )
    ended = subprocess.run([sys.executable, "-c", killed], capture_output=True, text=True, check=False, start_new_session=True)
    left = Path(ended.stdout.strip())
    assert left.is_dir()
    (tmp_path / "file").write_text("mine")
    (left / "link").symlink_to(tmp_path)
    ShortFolder().close()
    assert not left.exists()
    assert used.path.is_dir()
    assert (tmp_path / "file").read_text() == "mine"
    used.close()
