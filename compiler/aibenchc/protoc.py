"""Runs grpc_tools' protoc, in a process of its own, on an emitted .proto file: Python stubs as artifacts."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

from aibenchrt.errors import EnvironmentFailure, install

from aibenchc.emit.artifact import Artifact

STUBS = PurePosixPath("stubs")  # put this folder on sys.path: the modules in it import each other by plain name


def stubs(proto: Artifact) -> tuple[Artifact, ...]:
    """<scenario>_pb2.py, <scenario>_pb2.pyi and <scenario>_pb2_grpc.py of a self-contained .proto file; the same bytes each time.

    EnvironmentFailure AIB504: grpcio-tools is not installed. RuntimeError: protoc refuses the file, which is our bug.
    """
    with tempfile.TemporaryDirectory(prefix="aibenchc-") as scratch:
        source, out = Path(scratch, "in"), Path(scratch, "out")
        source.mkdir()
        out.mkdir()
        (source / proto.path.name).write_bytes(proto.data)
        outputs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source}", *outputs, proto.path.name]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode and "No module named" in ended.stderr:
            raise EnvironmentFailure("AIB504", install=install())
        if ended.returncode:
            raise RuntimeError(f"protoc refuses {proto.path}: {ended.stderr.strip()}")
        return tuple(Artifact(STUBS / path.name, path.read_bytes()) for path in sorted(out.iterdir()))
