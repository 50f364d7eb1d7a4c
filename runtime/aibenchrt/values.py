"""What flows along the edges of a plan, and how it becomes proto messages and tensors.

A Value is one port's value: field name → Python value. A repeated field is a list (or a one-dimensional numpy array).
Values maps an input or output port's name to its Value; an absent key is an optional port that nothing fed. An input port declared
`many` has a list of Values, in edge order of the spec (`listed` reads it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Value = Mapping[str, Any]
Values = Mapping[str, Value]


class Work(Protocol):
    """An open component, called by a gRPC servicer or by Triton's Python backend.

    Raises on failure; the caller turns the exception into a failed call, never into an empty answer.
    """

    def __call__(self, inputs: Values) -> Values: ...


def listed(values: Values, port: str) -> Sequence[Value]:
    """The Values of an input port declared `many`; a single one if an earlier stage of the same process feeds it."""
    value: Any = values[port]
    return (value,) if isinstance(value, Mapping) else tuple(value)
