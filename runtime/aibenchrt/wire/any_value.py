"""A value of any port type as bytes, and back: what the port type Any carries in `content`.

The bytes are those of the message that the generated .proto file has for the port type: fields count from 1 in the order of PORT_TYPES.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from aibenchrt.component import PORT_TYPES, Scalar
from aibenchrt.values import Value

_SCALARS = {
    Scalar.STRING: descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    Scalar.BYTES: descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    Scalar.INT64: descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    Scalar.FLOAT: descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    Scalar.BOOL: descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}


def encode(port_type: str, value: Value) -> bytes:
    """KeyError: no such port type; ValueError or TypeError: the value does not fit it."""
    fields = {name: element.tolist() if hasattr(element, "tolist") else element for name, element in value.items()}
    return bytes(_message(port_type)(**fields).SerializeToString())


def decode(port_type: str, content: bytes) -> dict[str, Any]:
    """KeyError: no such port type; google.protobuf.message.DecodeError: the bytes are none of its values."""
    message = _message(port_type).FromString(content)
    return {
        field.name: list(getattr(message, field.name)) if field.repeated else getattr(message, field.name)
        for field in PORT_TYPES[port_type].fields
    }


@cache
def _message(port_type: str) -> Any:
    """The message class of a port type, in a separate pool: generated stubs have the same names in the default one."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{port_type}.proto", package="aibench.any", syntax="proto3")
    message = file.message_type.add(name=port_type)
    for number, field in enumerate(PORT_TYPES[port_type].fields, 1):
        label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED if field.repeated else descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
        message.field.add(name=field.name, number=number, type=_SCALARS[field.scalar], label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"aibench.any.{port_type}"))
