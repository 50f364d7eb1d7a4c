"""Values to Triton tensors and back, by PORT_TYPES: one tensor per field, named `<port>__<field>`.

A scalar field is a tensor of shape [1], a repeated one of shape [n], an empty one of shape [0]. STRING and BYTES are object
arrays of bytes (Triton's BYTES): UTF-8 or an encoded image. An absent optional port has none of its tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.component import PORT_TYPES, Field, Scalar
from aibenchrt.plan import PlanPort
from aibenchrt.values import Value, Values

Tensor = NDArray[Any]

_DTYPES: dict[Scalar, Any] = {
    Scalar.STRING: np.object_,
    Scalar.BYTES: np.object_,
    Scalar.INT64: np.int64,
    Scalar.FLOAT: np.float32,
    Scalar.BOOL: np.bool_,
}


def tensor_name(port: str, field: str) -> str:
    return f"{port}__{field}"


def tensor_fields(port: PlanPort) -> Iterator[tuple[str, Field]]:
    """The tensors of a port, in the order of its type's fields: (tensor name, field)."""
    for field in PORT_TYPES[port.type].fields:
        yield tensor_name(port.name, field.name), field


def encode(ports: Iterable[PlanPort], values: Values) -> dict[str, Tensor]:
    """The tensors of the values present. ValueError: a required port or a field is missing, or fields differ in length."""
    tensors: dict[str, Tensor] = {}
    for port in ports:
        if port.name in values:
            tensors.update(_encode_port(port, values[port.name]))
        elif not port.optional:
            raise ValueError(f"port '{port.name}' has no value")
    return tensors


def decode(ports: Iterable[PlanPort], tensors: Mapping[str, Tensor]) -> dict[str, Value]:
    """The values whose tensors are present. ValueError: a required port is absent, or a port has only some of its tensors."""
    values: dict[str, Value] = {}
    for port in ports:
        fields = list(tensor_fields(port))
        present = [name in tensors for name, _ in fields]
        if fields and all(present):
            values[port.name] = {field.name: _decode_field(name, field, tensors[name]) for name, field in fields}
        elif any(present) or not port.optional:
            missing = [name for (name, _), there in zip(fields, present, strict=True) if not there]
            raise ValueError(f"port '{port.name}' is missing the tensors {', '.join(missing)}")
    return values


def _encode_port(port: PlanPort, value: Value) -> dict[str, Tensor]:
    tensors = {}
    lengths = set()
    for name, field in tensor_fields(port):
        if field.name not in value:
            raise ValueError(f"port '{port.name}' is missing the field '{field.name}'")
        tensors[name] = _encode_field(field, value[field.name])
        if field.repeated:
            lengths.add(len(tensors[name]))
    if len(lengths) > 1:
        raise ValueError(f"port '{port.name}': its repeated fields differ in length ({sorted(lengths)})")
    return tensors


def _encode_field(field: Field, value: Any) -> Tensor:
    elements = value if field.repeated else [value]
    if _DTYPES[field.scalar] is not np.object_:
        array = np.asarray(elements, dtype=_DTYPES[field.scalar])
        return array.reshape(0) if array.size == 0 else array
    array = np.empty(len(elements), dtype=np.object_)  # np.array(list of bytes) would make fixed-width strings
    for position, element in enumerate(elements):
        array[position] = element.encode() if isinstance(element, str) else bytes(element)
    return array


def _decode_field(name: str, field: Field, tensor: Tensor) -> Any:
    if tensor.ndim != 1 or (not field.repeated and len(tensor) != 1):
        raise ValueError(f"tensor '{name}' has shape {list(tensor.shape)}, expected {'[n]' if field.repeated else '[1]'}")
    if field.scalar is Scalar.STRING:
        elements: list[Any] = [element.decode() if isinstance(element, bytes) else str(element) for element in tensor.tolist()]
    else:
        elements = tensor.tolist()
    return elements if field.repeated else elements[0]
