"""Payloads as the bytes that go over the wire, built before the run: the generator's only work per request is to send them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aibenchrt.collect.columns import read_columns
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError
from aibenchrt.plan import PlanRequest
from aibenchrt.values import Values
from aibenchrt.whole_file import whole_file
from aibenchrt.wire.proto import PortsCodec, Stubs

_COLUMNS = pa.schema([("request_class", pa.string()), ("payload", pa.int64()), ("message", pa.binary())])

Messages = dict[tuple[str, int], bytes]  # (request class, payload index) → ScenarioRequest without its id


def encode_payloads(stubs: Stubs, requests: Sequence[PlanRequest], payloads: Mapping[str, Mapping[int, Values]]) -> Messages:
    """payloads: class → payload index → values of the class's ports."""
    message = stubs.message("ScenarioRequest")
    encoded: Messages = {}
    for request in requests:
        kind = stubs.message(message.DESCRIPTOR.fields_by_name[request.name].message_type.name)
        codec = PortsCodec(kind, request.ports)
        for index, values in payloads.get(request.name, {}).items():
            ports = {port.name: values[port.name] for port in request.ports if port.name in values}
            whole = message(request_class=request.name, **{request.name: codec.encode(ports)})
            encoded[request.name, index] = whole.SerializeToString()
    return encoded


def with_id(message: bytes, request_id: int) -> bytes:
    """The message with field 1 (request_id, varint) put before it: serialized messages concatenate."""
    return bytes([1 << 3]) + varint(request_id) + message


def varint(number: int) -> bytes:
    """A number from 0 on as protobuf encodes it: seven bits a byte, lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def write_messages(path: Path, messages: Messages) -> None:
    keys = sorted(messages)
    columns = {
        "request_class": [key[0] for key in keys],
        "payload": [key[1] for key in keys],
        "message": [messages[key] for key in keys],
    }
    with whole_file(path) as file:
        pq.write_table(pa.table(columns, schema=_COLUMNS), file, compression="zstd")


def read_messages(path: Path) -> Messages:
    """EnvironmentFailure AIB662: missing or not readable."""
    try:
        columns = read_columns(path, _COLUMNS)
    except InputFileError as error:
        raise EnvironmentFailure("AIB662", path=path, reason=error) from error
    return dict(zip(zip(columns["request_class"], columns["payload"], strict=True), columns["message"], strict=True))
