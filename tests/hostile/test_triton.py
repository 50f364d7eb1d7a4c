"""The model server of a local run answers inference, health and statistics; whatever else Triton can do is refused. Real Triton.

The worst of it: `load_model` takes the files of a model, and so runs Python as whoever started the server.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.triton import TritonServer
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.tls import Sockets
from shop_plan import shop_plan
from triton_process import infer
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

CONFIG = """
name: "category"
backend: "python"
input [{ name: "text" data_type: TYPE_STRING dims: [-1] }]
output [{ name: "text" data_type: TYPE_STRING dims: [-1] }]
instance_group [{ kind: KIND_CPU }]
"""
ECHO = """
import triton_python_backend_utils as triton

class TritonPythonModel:
    def execute(self, requests):
        texts = [triton.get_input_tensor_by_name(request, "text").as_numpy() for request in requests]
        return [triton.InferenceResponse([triton.Tensor("text", text)]) for text in texts]
"""
BROKEN = """
class TritonPythonModel:
    def initialize(self, arguments):
        raise ValueError('the weights are "gone"')
"""


def one_model(model: str, into: Path) -> tuple[Plan, Path]:
    """The shop's plan with its AI step 'category' alone, and a repository where `model` serves it."""
    version = into / "models" / "category" / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(model)
    (version.parent / "config.pbtxt").write_text(CONFIG)
    plan = shop_plan()
    return plan.model_copy(update={"steps": tuple(step for step in plan.steps if step.task == "category")}), into / "models"


ENDPOINT = "127.0.0.1:21001"


@contextlib.contextmanager
def server(model: str, folder: Path) -> Iterator[tuple[TritonServer, Processes, str]]:
    """(as a local run starts it, its processes, its address)."""
    (folder / "logs").mkdir()
    plan, repository = one_model(model, folder)
    with contextlib.closing(ShortFolder()) as short, Processes(folder / "logs") as processes:
        sockets = Sockets(short.path)
        yield TritonServer(plan, processes, repository, ENDPOINT, folder / "trace.json", sockets), processes, sockets.target(ENDPOINT)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton.InferenceServerClient]:
    with server(ECHO, tmp_path_factory.mktemp("triton")) as (running, processes, address):
        running.wait_ready(60)
        assert [member.model for member in running.child.members] == ["category"]
        with triton.InferenceServerClient(address) as opened:
            yield opened
            processes.check()
            assert list(running.statistics()) == ["category"]


def attacks(client: Any, evil: Path, headers: dict[str, str]) -> dict[str, Callable[[], object]]:
    """What a client might ask for. Each that writes a file would write `evil`."""
    config = json.dumps({"name": "category", "backend": "python"})
    files = {"file:1/model.py": f"open({str(evil)!r}, 'w')\n{ECHO}".encode()}
    return {
        "load a model with a file of ours": lambda: client.load_model("category", headers, config=config, files=files),
        "load": lambda: client.load_model("category", headers),
        "unload": lambda: client.unload_model("category", headers),
        "list of models": lambda: client.get_model_repository_index(headers),
        "shared memory": lambda: client.register_system_shared_memory("a", "/a", 64, headers=headers),
        "list of shared memory": lambda: client.get_system_shared_memory_status(headers=headers),
        "CUDA shared memory": lambda: client.register_cuda_shared_memory("a", b"", 0, 64, headers),
        "log settings": lambda: client.update_log_settings({"log_file": str(evil)}, headers),
        "read of log settings": lambda: client.get_log_settings(headers),
        "trace settings": lambda: client.update_trace_settings("category", {"trace_file": str(evil)}, headers),
        "read of trace settings": lambda: client.get_trace_settings("category", headers),
        "configuration": lambda: client.get_model_config("category", headers=headers),
        "description": lambda: client.get_server_metadata(headers),
    }


@pytest.mark.parametrize("headers", [{}, {"triton-grpc-protocol-switchedoff": "1"}], ids=["plain", "with the header of the refusal"])
def test_what_a_run_does_not_need_is_refused(headers: dict[str, str], client: triton.InferenceServerClient, tmp_path: Path) -> None:
    for name, attack in attacks(client, tmp_path / "evil", headers).items():
        with pytest.raises(InferenceServerException) as refused:
            attack()
        assert "This protocol is restricted" in refused.value.message(), name
    assert not (tmp_path / "evil").exists()
    text = np.array([b"still here"], dtype=np.object_)
    assert infer(client, "category", {"text": text})["text"].tolist() == [b"still here"]


def test_the_header_that_would_open_it_cannot_be_sent(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="Invalid metadata"):
        client.get_log_settings({"triton-grpc-protocol-SwitchedOff": "1"})


def test_a_model_that_does_not_load_is_named_with_the_reason(tmp_path: Path) -> None:
    with server(BROKEN, tmp_path) as (running, _, _), pytest.raises(EnvironmentFailure) as failure:
        running.wait_ready(60)
    assert failure.value.code == "AIB657"
    assert "Triton cannot load 'category': " in failure.value.message
    assert 'ValueError: the weights are "gone"' in failure.value.message
