"""The one model.py of every AI task: a step of the plan behind Triton's Python backend.

Beside the emitted model.py (which only imports TritonPythonModel) lie `step.json`, the plan's step, and `weights/<stage>/`, the
model version that deployment put there for each stage. Runs inside Triton's stub process: numpy and ONNX Runtime, never torch.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aibenchrt.command_lines import EARLIER_ATTEMPTS
from aibenchrt.plan import PlanPort, Step
from aibenchrt.serve.served_step import open_step
from aibenchrt.serve.stages import chain
from aibenchrt.wire.tensors import Tensor, decode, encode

SERVICE_NS = "timing__service_ns"
STAGE_NS = "timing__stage_ns"
SERVER = "timing__server"
ATTEMPT = "timing__attempt"
ENDPOINT = "AIBENCH_ENDPOINT"  # environment variable of the server: the endpoint that the plan gives it


class StepServer:
    """Runs a step from tensors to tensors, and adds the endpoint, the attempt, the service time, and the time of each stage."""

    def __init__(self, step: Step, weights: Path) -> None:
        """weights: has one folder per stage. EnvironmentFailure AIB603: a stage's model version is missing or broken."""
        from aibenchrt.serve.models import open_stage  # imports ONNX Runtime, which the planner, a reader of the names above, does not need

        self._inputs = tuple(source.port for source in step.inputs)
        self._outputs = step.outputs
        self._server = np.array([os.environ.get(ENDPOINT, "")], dtype=np.object_)
        self._chain = chain(step, {stage.name: open_stage(stage, weights / stage.name) for stage in step.stages})

    def __call__(self, tensors: Mapping[str, Tensor], attempt: int = 1) -> dict[str, Tensor]:
        start = time.perf_counter_ns()
        values, stage_ns = self._chain.timed(decode(self._inputs, tensors))
        outputs = encode(_required(self._outputs), values)
        outputs[SERVER] = self._server
        outputs[ATTEMPT] = np.array([attempt], dtype=np.int64)
        outputs[STAGE_NS] = np.array(stage_ns, dtype=np.int64)
        outputs[SERVICE_NS] = np.array([time.perf_counter_ns() - start], dtype=np.int64)
        return outputs


def _required(ports: tuple[PlanPort, ...]) -> list[PlanPort]:
    """A Triton model always puts out all its tensors, so an output that is absent is a failure."""
    return [port.model_copy(update={"optional": False}) for port in ports]


class TritonPythonModel:
    """Triton's contract: https://github.com/triton-inference-server/python_backend (initialize, execute)."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(args["model_repository"]) / args["model_version"]
        self._server = StepServer(open_step(folder / "step.json"), folder / "weights")

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        import triton_python_backend_utils as triton  # exists only inside Triton's stub process

        try:
            tensors = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
            earlier = json.loads(request.parameters() or "{}").get(EARLIER_ATTEMPTS, 0)
            outputs = self._server(tensors, int(earlier) + 1)
        except Exception as error:  # noqa: BLE001  # any failure of one request is that request's failure
            return triton.InferenceResponse(output_tensors=[], error=triton.TritonError(f"{type(error).__name__}: {error}"))
        return triton.InferenceResponse([triton.Tensor(name, tensor) for name, tensor in outputs.items()])
