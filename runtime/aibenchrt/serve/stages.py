"""The stages of one step as one Work: R5 keeps successive components in one process, and each stage is timed there."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter_ns

from aibenchrt.plan import PlanStage, Step
from aibenchrt.values import Value, Values, Work

# (stage's position, (input port, earlier stage's position or None for the step's own input, port there), …)
_Feeds = tuple[tuple[str, int | None, str], ...]


class Chain:
    """A Work that runs a step's stages in order. Stateless: several threads may call it at once."""

    def __init__(self, step: Step, works: Mapping[str, Work]) -> None:
        positions = {stage.name: position for position, stage in enumerate(step.stages)}
        self.stages = tuple(stage.name for stage in step.stages)
        self._works = tuple(works[stage.name] for stage in step.stages)
        self._feeds: tuple[_Feeds, ...] = tuple(_feeds(step, stage, position, positions) for position, stage in enumerate(step.stages))
        self._outputs = tuple(port.name for port in step.outputs)

    def __call__(self, inputs: Values) -> Values:
        return self.timed(inputs)[0]

    def timed(self, inputs: Values) -> tuple[Values, tuple[int, ...]]:
        """The step's outputs, and each stage's time in ns in the order of `stages`. Raises what a stage raises."""
        done: list[Values] = []
        times: list[int] = []
        for work, feeds in zip(self._works, self._feeds, strict=True):
            start = perf_counter_ns()
            done.append(work(_inputs(feeds, inputs, done)))
            times.append(perf_counter_ns() - start)
        last = done[-1]
        return {port: last[port] for port in self._outputs}, tuple(times)


def chain(step: Step, works: Mapping[str, Work]) -> Chain:
    """The step's open components, run one after the other according to its feeds. KeyError: a stage has no open component."""
    return Chain(step, works)


def _feeds(step: Step, stage: PlanStage, position: int, positions: Mapping[str, int]) -> _Feeds:
    if not stage.feeds:  # a task as the author wrote it: the stage's ports are the task's
        return tuple((source.port.name, None, source.port.name) for source in step.inputs)
    feeds = []
    for feed in stage.feeds:
        source = None if feed.stage is None else positions[feed.stage]
        if source is not None and source >= position:
            raise ValueError(f"stage '{stage.name}' is fed by '{feed.stage}', which does not run before it")
        feeds.append((feed.input, source, feed.port))
    return tuple(feeds)


def _inputs(feeds: _Feeds, inputs: Values, done: list[Values]) -> dict[str, Value]:
    """A port that the request left out is left out here too; a port that an earlier stage did not put out is a KeyError."""
    values = {}
    for port, stage, source in feeds:
        if stage is not None:
            values[port] = done[stage][source]
        elif source in inputs:
            values[port] = inputs[source]
    return values
