"""A real Triton Inference Server that loads every model of a repository, for tests of what the models answer."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tritonclient.grpc as triton_grpc
from aibenchrt.control.local.triton import backends, environment, program
from aibenchrt.wire.tls import CHANNEL_OPTIONS
from shop_plan import free_ports
from tritonclient.utils import InferenceServerException


@contextmanager
def triton(repository: Path, log: Path) -> Iterator[triton_grpc.InferenceServerClient]:
    """A client of a ready server. AssertionError with the log's end: it did not become ready."""
    port = free_ports(1)[0]
    command = [
        program(),
        f"--model-repository={repository}",
        f"--backend-directory={backends()}",
        *("--grpc-address=127.0.0.1", f"--grpc-port={port}", "--allow-http=false"),
        *("--allow-metrics=false", "--allow-gpu-metrics=false", "--disable-auto-complete-config"),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment(), stdout=out, stderr=subprocess.STDOUT)
    client = triton_grpc.InferenceServerClient(f"127.0.0.1:{port}", channel_args=CHANNEL_OPTIONS)
    try:
        _wait_ready(client, process, log)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=120)


def request_tensors(tensors: Mapping[str, Any]) -> list[triton_grpc.InferInput]:
    """tensor name → array, as a client sends them."""
    datatypes = {"int64": "INT64", "float32": "FP32", "bool": "BOOL", "object": "BYTES"}
    inputs = []
    for name, array in tensors.items():
        tensor = triton_grpc.InferInput(name, list(array.shape), datatypes[str(array.dtype)])
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return inputs


def infer(client: triton_grpc.InferenceServerClient, model: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """One call: tensor name → array both ways. InferenceServerException: the request failed."""
    result = client.infer(model, request_tensors(tensors))
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


def _wait_ready(client: triton_grpc.InferenceServerClient, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.is_server_ready():
                return
        except InferenceServerException:
            pass  # it does not listen yet
        time.sleep(0.05)
    raise AssertionError(f"Triton did not become ready:\n{log.read_text(errors='replace')[-40000:]}")
