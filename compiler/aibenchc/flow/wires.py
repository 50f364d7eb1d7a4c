"""Edges as wires: which output port feeds which input port, by type or by the names that the author gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aibenchrt.component import ANY, PORT_TYPES, Port

from aibenchc.graph import RESPONSE, Edge, Graph, Guard


@dataclass(frozen=True)
class Wire:
    """One output port feeding one input port. Into RESPONSE, `target_port` is the response's port for that type (`response_port`)."""

    source: str
    source_port: str
    target: str
    target_port: str
    guards: tuple[Guard, ...] = ()


def response_port(type_name: str) -> str:
    """The response's port for an answer type."""
    return type_name.lower()


def response_ports() -> tuple[Port, ...]:
    """What a response may hold: a port of each type that is an answer."""
    return tuple(Port(response_port(t.name), t.name, optional=True) for t in PORT_TYPES.values() if t.answer)


def outputs_of(graph: Graph) -> dict[str, tuple[Port, ...]]:
    """The output ports of every request class and task."""
    return {**{r.name: r.ports for r in graph.requests}, **{t.name: t.outputs for t in graph.tasks}}


def inputs_of(graph: Graph) -> dict[str, tuple[Port, ...]]:
    """The input ports of every task and of the response."""
    return {**{t.name: t.inputs for t in graph.tasks}, RESPONSE: response_ports()}


def expand(edge: Edge, outputs: Sequence[Port], inputs: Sequence[Port]) -> tuple[Wire, ...]:
    """An edge as wires: every input port that an output's type fits, both narrowed to the port that the author named."""
    return tuple(
        Wire(edge.source, out.name, edge.target, port.name, edge.guards)
        for port in inputs
        if edge.target_port in (None, port.name)
        for out in outputs
        if edge.source_port in (None, out.name) and port.type in (out.type, ANY)
    )
