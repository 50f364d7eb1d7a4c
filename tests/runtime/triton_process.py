"""A real Triton Inference Server on a model repository, for tests: the binary and Python backend of nvidia-pytriton.

Follows facts of the platform: the backend folder is put together from the package's parts, the venv's bin comes first in PATH, and
LD_LIBRARY_PATH is Python's own LIBDIR and the package's libraries.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytriton
import tritonclient.grpc as triton_grpc
from tritonclient.utils import InferenceServerException


def _backends(folder: Path) -> Path:
    package = Path(pytriton.__file__).parent / "tritonserver"
    python = folder / "python"
    python.mkdir(parents=True)
    stub = package / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}" / "triton_python_backend_stub"
    for source in [*(package / "backends" / "python").iterdir(), stub]:
        if source.is_file():
            shutil.copy2(source, python / source.name)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def triton(repository: Path, scratch: Path) -> Iterator[triton_grpc.InferenceServerClient]:
    """A client of a server that has loaded every model of the repository. AssertionError with the log: it did not become ready."""
    package = Path(pytriton.__file__).parent
    port, http, log = free_port(), free_port(), scratch / "triton.log"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{sysconfig.get_config_var('LIBDIR')}:{package.parent / 'nvidia_pytriton.libs'}",
    }
    command = [
        str(package / "tritonserver" / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={_backends(scratch / 'backends')}",
        *("--grpc-address=127.0.0.1", f"--grpc-port={port}", "--http-address=127.0.0.1", f"--http-port={http}"),
        *("--allow-metrics=false", "--allow-gpu-metrics=false", "--disable-auto-complete-config"),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    client = triton_grpc.InferenceServerClient(f"127.0.0.1:{port}")
    try:
        _wait_ready(client, process, log)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=30)


def _wait_ready(client: triton_grpc.InferenceServerClient, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.is_server_ready():
                return
        except InferenceServerException:
            pass
        time.sleep(0.05)
    raise AssertionError(f"Triton did not become ready:\n{log.read_text(errors='replace')[-4000:]}")


def infer(client: triton_grpc.InferenceServerClient, model: str, tensors: dict[str, object]) -> dict[str, object]:
    """One call: tensor name → array both ways. InferenceServerException: the request failed."""
    datatypes = {"int64": "INT64", "float32": "FP32", "bool": "BOOL", "object": "BYTES"}
    inputs = []
    for name, array in tensors.items():
        tensor = triton_grpc.InferInput(name, list(array.shape), datatypes[str(array.dtype)])
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    result = client.infer(model, inputs)
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}
