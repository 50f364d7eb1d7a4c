"""Proto messages straight to Open Inference Protocol requests and back, for the planner's hot path: no arrays in between.

The same tensors as aibenchrt.wire.tensors makes (names, shapes, types by PORT_TYPES); the raw contents are little-endian, BYTES elements
each after its length in four bytes.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tritonclient.grpc import service_pb2

from aibenchrt.component import Scalar
from aibenchrt.plan import Step
from aibenchrt.serve.triton_backend import ATTEMPT, SERVER, SERVICE_NS, STAGE_NS
from aibenchrt.wire.proto import Stubs
from aibenchrt.wire.tensors import tensor_fields

_LENGTH = struct.Struct("<I")
_CODES = {Scalar.INT64: "q", Scalar.FLOAT: "f"}
assert sys.byteorder == "little", "tensors are little-endian on the wire"


@dataclass(frozen=True)
class _Tensor:
    name: str
    field: str
    scalar: Scalar
    repeated: bool


@dataclass(frozen=True)
class Inference:
    """outputs: port → proto message. stages: 'stage=ns' of each. server: the endpoint that answered, '' if the server does not know its
    own."""

    outputs: dict[str, Any]
    service_ns: int
    stages: tuple[str, ...]
    server: str
    attempt: int


class InferenceCodec:
    """One task's requests and replies. `outputs` of decode are proto messages, as inputs of encode are."""

    def __init__(self, step: Step, stubs: Stubs) -> None:
        self._model = step.task
        self._inputs = [(entry.port.name, _tensors(entry.port), entry.port.optional) for entry in step.inputs]
        self._outputs = [(port.name, stubs.message(port.type), _tensors(port)) for port in step.outputs]
        self._stages = tuple(stage.name for stage in step.stages)

    def encode(self, request_id: int, inputs: Mapping[str, Any]) -> Any:
        """A ModelInferRequest. ValueError: a required port has no value."""
        request = service_pb2.ModelInferRequest(model_name=self._model, id=str(request_id))
        add, contents = request.inputs.add, request.raw_input_contents
        for port, tensors, optional in self._inputs:
            message = inputs.get(port)
            if message is None:
                if not optional:
                    raise ValueError(f"port '{port}' has no value")
                continue
            for tensor in tensors:
                elements = getattr(message, tensor.field)
                elements = elements[:] if tensor.repeated else [elements]
                add(name=tensor.name, datatype=tensor.scalar.triton, shape=(len(elements),))
                contents.append(_pack(tensor.scalar, elements))
        return request

    def decode(self, response: Any) -> Inference:
        """ValueError: a tensor is missing or has another shape."""
        raw = dict(zip((output.name for output in response.outputs), response.raw_output_contents, strict=True))
        outputs = {}
        try:
            for port, message, tensors in self._outputs:
                fields = {t.field: _unpack(t.scalar, raw[t.name]) for t in tensors}
                for tensor in tensors:
                    if not tensor.repeated:
                        (fields[tensor.field],) = fields[tensor.field]
                outputs[port] = message(**fields)
            times = _unpack(Scalar.INT64, raw[STAGE_NS])
            (service_ns,) = _unpack(Scalar.INT64, raw[SERVICE_NS])
            (server,) = _unpack(Scalar.STRING, raw[SERVER])
            (attempt,) = _unpack(Scalar.INT64, raw[ATTEMPT])
        except KeyError as missing:
            raise ValueError(f"model '{self._model}' returned no tensor {missing}") from missing
        stages = tuple(f"{stage}={ns}" for stage, ns in zip(self._stages, times, strict=True))
        return Inference(outputs, service_ns, stages, server, attempt)


def _tensors(port: Any) -> tuple[_Tensor, ...]:
    return tuple(_Tensor(name, field.name, field.scalar, field.repeated) for name, field in tensor_fields(port))


def _pack(scalar: Scalar, elements: Sequence[Any]) -> bytes:
    code = _CODES.get(scalar)
    if code:
        return array(code, elements).tobytes()
    if scalar is Scalar.BOOL:
        return bytes(elements)
    encoded = [element.encode() if scalar is Scalar.STRING else element for element in elements]
    return b"".join(part for element in encoded for part in (_LENGTH.pack(len(element)), element))


def _unpack(scalar: Scalar, raw: bytes) -> Sequence[Any]:
    code = _CODES.get(scalar)
    if code:
        numbers = array(code)
        numbers.frombytes(raw)
        return numbers
    if scalar is Scalar.BOOL:
        return [bool(byte) for byte in raw]
    elements: list[Any] = []
    at = 0
    while at < len(raw):
        (length,) = _LENGTH.unpack_from(raw, at)
        element = raw[at + 4 : at + 4 + length]
        elements.append(element.decode() if scalar is Scalar.STRING else element)
        at += 4 + length
    return elements
