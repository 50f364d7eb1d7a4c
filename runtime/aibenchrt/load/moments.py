"""Which frame of which stream a request is, put into its message when it is sent: into the port of type Moment of its class, if it has one.

The message of a payload is encoded once, and sent by many streams. What is appended to a serialized message is merged into it when it is
parsed (protobuf's encoding guide, "last one wins"): so only these two numbers are encoded for each request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aibenchrt.load.messages import varint
from aibenchrt.plan import PlanRequest
from aibenchrt.wire.proto import Stubs

MOMENT = "Moment"
_VARINT, _MESSAGE = 0, 2  # wire types


@dataclass(frozen=True)
class MomentField:
    """The field numbers that lead to a class's moment: of the class in ScenarioRequest, of the port in the class, of both in the moment."""

    request_class: int
    port: int
    stream: int
    number: int

    def suffix(self, stream: int, number: int) -> bytes:
        """What is appended to a serialized ScenarioRequest. Both numbers are in it even if they are 0: else the payload's would stay."""
        moment = _field(self.stream, _VARINT) + varint(stream) + _field(self.number, _VARINT) + varint(number)
        return _message(self.request_class, _message(self.port, moment))


def moment_fields(stubs: Stubs, requests: Sequence[PlanRequest]) -> dict[str, MomentField]:
    """Class → where its moment stands, of the classes that have a port of type Moment (the first, if it has several)."""
    whole = stubs.message("ScenarioRequest").DESCRIPTOR.fields_by_name
    found = {}
    for request in requests:
        port = next((port.name for port in request.ports if port.type == MOMENT), None)
        if port is not None:
            ports = whole[request.name].message_type.fields_by_name
            fields = ports[port].message_type.fields_by_name
            found[request.name] = MomentField(
                whole[request.name].number, ports[port].number, fields["stream"].number, fields["number"].number
            )
    return found


def _field(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def _message(number: int, content: bytes) -> bytes:
    return _field(number, _MESSAGE) + varint(len(content)) + content
