"""Whether the models of a Triton server answer, by a real inference of each: its health and its readiness go on saying yes after the
process of a model has died or hangs.

A check's request holds the smallest value of every input. What the model makes of it does not matter: its own error is an answer. A check
that gets none is given up but not cancelled, nor is the server told a deadline: either may kill a Triton 2.51 (SOAK.md). An answer to
another call is none.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import serialize_byte_tensor

from aibenchrt.component import Field, Scalar
from aibenchrt.datasets.png import png
from aibenchrt.datasets.sources.synthetic_speech import RATE, wav
from aibenchrt.plan import PlanPort, Step
from aibenchrt.serve.served_step import open_step
from aibenchrt.wire.own_answer import another_call
from aibenchrt.wire.tensors import Tensor, encode, tensor_fields

AGAIN_S = 0.25  # from a check that failed to the next
STATISTICS_S = 1.0  # how long a server may take to say how much it has answered
_SILENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.NOT_FOUND)
_UNHEALTHY = re.compile(r"Stub process '[^']*' is not healthy")  # what Triton itself answers for a model whose process has died or stopped
_PLAIN: Mapping[Scalar, Any] = {Scalar.STRING: "a", Scalar.INT64: 0, Scalar.FLOAT: 0.0, Scalar.BOOL: False}


def check_request(step: Step) -> Any:
    """A ModelInferRequest of the step's model, with one small value in every field of every input."""
    request = service_pb2.ModelInferRequest(model_name=step.task, id="check")  # not a number: no request of a load
    ports = [entry.port for entry in step.inputs]
    tensors = encode(ports, {port.name: _smallest(port) for port in ports})
    for port in ports:
        for name, typed in tensor_fields(port):
            request.inputs.add(name=name, datatype=typed.scalar.triton, shape=tensors[name].shape)
            request.raw_input_contents.append(_raw(tensors[name]))
    return request


def steps_of(repositories: Sequence[Path]) -> list[Step]:
    """The step of every model in these repositories, with their libraries in use. EnvironmentFailure as `open_step`."""
    return [open_step(path) for path in sorted(path for repository in repositories for path in repository.glob("*/1/step.json"))]


def _smallest(port: PlanPort) -> dict[str, Any]:
    return {typed.name: [_value(typed)] if typed.repeated else _value(typed) for _, typed in tensor_fields(port)}


def _value(typed: Field) -> Any:
    if typed.scalar is not Scalar.BYTES:
        return _PLAIN[typed.scalar]
    return wav(np.zeros(RATE // 10)) if typed.name == "wav" else png(np.zeros((32, 32), np.uint8))


def _raw(tensor: Tensor) -> bytes:
    return tensor.tobytes() if tensor.dtype != np.object_ else bytes(serialize_byte_tensor(tensor).item())


def is_answer(error: grpc.RpcError | None) -> bool:
    """Whether the model answered: with tensors (None) or with an error of its own."""
    if error is None:
        return True
    return error.code() not in _SILENT and not _UNHEALTHY.search(str(error.details()))


class Silence(NamedTuple):
    """A model that does not answer for answer_s. since: of time.monotonic(); instead: the other call whose answer its last check got, ''
    if none."""

    model: str
    since: float
    answer_s: float
    instead: str

    @property
    def said(self) -> str:
        instead = f", but as if asked for {self.instead}" if self.instead else ""
        return f"model '{self.model}' answers no inference within {self.answer_s:g} s{instead}"


@dataclass
class _Checked:
    """A model. due: when its next check is sent; sent: when the pending one was; answers: when it was last known to, at first the start;
    unanswered: when the first of the checks since then was sent; answered: when it last answered one. counted: its successful inferences
    at counted_at, asked for only where a check gets no answer; None: not asked for, or the server did not say. instead: see Silence."""

    request: Any
    due: float
    answers: float
    unanswered: float | None = None
    answered: float = -math.inf
    pending: Any = None
    sent: float = 0.0
    counted: int | None = None
    counted_at: float | None = None
    instead: str = ""


class ModelChecks:
    """Checks of a server's models, each sent again answer_s after an answer. A model is silent if for answer_s it answers neither checks
    nor, by the server's statistics, anything else: a long queue is no silence. Where checks get the answers of other calls, the statistics
    excuse nothing."""

    def __init__(self, channel: grpc.Channel, steps: Iterable[Step], answer_s: float) -> None:
        """channel: to one server; closed with this."""
        self._channel, self.answer_s = channel, answer_s
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        now = time.monotonic()
        self._models = {step.task: _Checked(check_request(step), now, now) for step in steps}
        self._given_up: list[Any] = []  # gRPC cancels a call that nobody holds

    def look(self) -> Silence | None:
        """Sends the checks that are due and takes answers; returns the first model that is silent."""
        for name, model in self._models.items():
            now = time.monotonic()
            if model.pending is None and now >= model.due:
                model.pending, model.sent = self._stub.ModelInfer.future(model.request), now
                model.unanswered = model.unanswered or now
            elif model.pending is not None and model.pending.done():
                self._take(model, now)
            elif model.pending is not None and now - model.sent > self.answer_s / 2:
                self._given_up = [*(check for check in self._given_up if not check.done()), model.pending]
                model.pending, model.due = None, now + AGAIN_S
            if model.unanswered is not None and self._silent(name, model, now - model.unanswered):
                return Silence(name, model.answers, self.answer_s, model.instead)
        return None

    def answered(self, since: float) -> bool:
        """Whether every model has answered a check since then, a time of time.monotonic()."""
        return all(model.answered >= since for model in self._models.values())

    def close(self) -> None:
        self._channel.close()

    def _take(self, model: _Checked, now: float) -> None:
        error = model.pending.exception()
        model.instead = another_call(model.request, model.pending.result()) if error is None else ""
        model.pending = None
        if is_answer(error) and not model.instead:
            model.answers = model.answered = now
            model.due, model.unanswered, model.counted_at = now + self.answer_s, None, None
        else:
            model.due = now + AGAIN_S

    def _silent(self, name: str, model: _Checked, waited_s: float) -> bool:
        """Counts after half of the time, and after all of it again: not at once, when this process itself was stopped meanwhile."""
        if model.counted_at is None:
            if waited_s > self.answer_s / 2:
                model.counted, model.counted_at = self._count(name), time.monotonic()
            return False
        if waited_s <= self.answer_s or time.monotonic() - model.counted_at < self.answer_s / 4:
            return False
        count = self._count(name)
        if count is None or count == model.counted or model.instead:
            return True
        model.answers = model.unanswered = time.monotonic()  # it answers others
        model.counted_at = None
        return False

    def _count(self, name: str) -> int | None:
        """None: the server does not say."""
        try:
            reply = self._stub.ModelStatistics(service_pb2.ModelStatisticsRequest(name=name), timeout=STATISTICS_S)
        except grpc.RpcError:
            return None
        return sum(int(row.inference_stats.success.count) for row in reply.model_stats)
