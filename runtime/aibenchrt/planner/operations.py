"""The operations of a planner on values: join them, and read a flag, a count or a note.

The executor is written against this protocol, so that proto messages pass through a planner untouched while training runs the
same plan over plain mappings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from aibenchrt.component import PORT_TYPES


@dataclass(frozen=True)
class Origin:
    """Where a value comes from: the call of `task` (or the request of that class) that put it out at `port`, and the task that it waited
    for last. Times are in ns on the planner's clock, as in the call records; for a request both are its begin."""

    request_id: int
    task: str
    parent: str
    port: str
    type: str
    start_ns: int
    end_ns: int


class Operations(Protocol):
    def concat(self, port_type: str, values: Sequence[Any]) -> Any:
        """The values of several arms as one: repeated fields end to end in order, Counts added; other single fields from the first."""

    def field(self, value: Any, name: str) -> Any:
        """The field `name` of a value."""

    def any_value(self, origin: Origin, value: Any) -> Any:
        """The value as one of port type Any."""


class MappingOperations:
    """Values as mappings (aibenchrt.values): repeated fields are lists or arrays; a joined one is a list."""

    def concat(self, port_type: str, values: Sequence[Any]) -> Any:
        joined: dict[str, Any] = {}
        for field in PORT_TYPES[port_type].fields:
            parts = [value[field.name] for value in values]
            if field.repeated:
                joined[field.name] = [element for part in parts for element in part]
            else:
                joined[field.name] = sum(parts) if port_type == "Count" else parts[0]
        return joined

    def field(self, value: Any, name: str) -> Any:
        return value[name]

    def any_value(self, origin: Origin, value: Any) -> Any:
        from aibenchrt.wire.any_value import encode  # imports protobuf, which only plans with an auxiliary task need here

        return {**asdict(origin), "content": encode(origin.type, value)}


class MessageOperations:
    """Values as proto messages generated from PORT_TYPES. any_message: the message of port type Any, None where no task takes one."""

    def __init__(self, any_message: Callable[..., Any] | None = None) -> None:
        self._any_message = any_message

    def concat(self, port_type: str, values: Sequence[Any]) -> Any:
        joined = type(values[0])()
        joined.CopyFrom(values[0])
        for value in values[1:]:
            for field in PORT_TYPES[port_type].fields:
                if field.repeated:
                    getattr(joined, field.name).extend(getattr(value, field.name))
                elif port_type == "Count":
                    setattr(joined, field.name, getattr(joined, field.name) + getattr(value, field.name))
        return joined

    def field(self, value: Any, name: str) -> Any:
        return getattr(value, name)

    def any_value(self, origin: Origin, value: Any) -> Any:
        if self._any_message is None:
            raise ValueError("the generated code has no message for the port type Any")
        return self._any_message(**asdict(origin), content=value.SerializeToString())


def note(operations: Operations, port: str, port_type: str, value: Any) -> str | None:
    """'port=value' of a small output: a Count, a Flag, the likeliest label of a Category; None for all others."""
    if port_type in ("Count", "Flag"):
        return f"{port}={int(operations.field(value, 'value'))}"
    if port_type == "Category":
        labels = operations.field(value, "label")
        return f"{port}={int(labels[0])}" if len(labels) else f"{port}="
    return None
