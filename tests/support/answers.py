"""What a graph answers, in symbols: a value is known by who made it of what. Two graphs with equal answers compute the same."""

from __future__ import annotations

from collections.abc import Mapping

from aibenchc.flow import Case, Flow
from aibenchc.graph import RESPONSE, Task


class Symbols:
    """Numbers for values; equal makers with equal inputs have equal numbers. Share one between the flows to compare."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def of(self, *what: object) -> int:
        return self._numbers.setdefault(what, len(self._numbers))


def answers(flow: Flow, symbols: Symbols) -> list[tuple[str, tuple[int, ...]]]:
    """For each case the class, and the inputs of the response and of the tasks with an effect."""
    return [(case.request, _answer(flow, case, symbols)) for case in flow.cases]


def _answer(flow: Flow, case: Case, symbols: Symbols) -> tuple[int, ...]:
    tasks = {task.name: task for task in flow.graph.tasks}
    values: dict[tuple[str, str], int] = {}
    for request in flow.graph.requests:
        values.update({(request.name, port.name): symbols.of(request.name, port.name) for port in request.ports})

    def fed(target: str, port: str) -> tuple[int, ...]:
        return tuple(values[ref.task, ref.port] for ref in flow.producers(target, port, case))

    got = []
    for name in flow.tasks_in(case):
        inputs = {port.name: fed(name, port.name) for port in tasks[name].inputs}
        made = _run(tasks[name], inputs, symbols)
        values.update({(name, port.name): made[port.name] for port in tasks[name].outputs})
        if tasks[name].effect:
            got.append(symbols.of(name, *sorted(inputs.items())))
    ports = sorted({wire.target_port for wire in flow.wires_into[RESPONSE]})
    return (*(symbols.of(port, fed(RESPONSE, port)) for port in ports), *sorted(got))


def _run(task: Task, inputs: Mapping[str, tuple[int, ...]], symbols: Symbols) -> dict[str, int]:
    """The outputs of the last stage."""
    made: dict[str, dict[str, int]] = {}
    for stage in task.stages:
        if stage.feeds:
            of_stage = {f.input: (made[f.stage][f.port],) if f.stage is not None else inputs[f.port] for f in stage.feeds}
        else:
            of_stage = dict(inputs)
        maker = (stage.component, stage.settings, stage.candidates, tuple(sorted((k, v) for k, v in of_stage.items() if v)))
        made[stage.name] = _Outputs({}, maker, symbols)
    return made[task.stages[-1].name]


class _Outputs(dict[str, int]):
    """Any output port of one run of a component."""

    def __init__(self, values: dict[str, int], maker: object, symbols: Symbols) -> None:
        super().__init__(values)
        self._maker, self._symbols = maker, symbols

    def __missing__(self, port: str) -> int:
        return self._symbols.of(self._maker, port)
