"""Plan → Triton's model repository: per AI task its config.pbtxt, a model.py that names the runtime's backend, and its step.

Never weights: deployment puts the model versions beside step.json, as weights/<stage>/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from aibenchrt.component import PORT_TYPES, Scalar
from aibenchrt.plan import Plan, PlanPort, Step, step_json

from aibenchc.emit.artifact import Artifact
from aibenchc.emit.templates import Fit, pbtxt, render, word


@dataclass(frozen=True)
class TensorView:
    """dims: 1, or -1 for a repeated field. `optional` is shown for inputs only."""

    name: Fit
    type: Fit
    dims: int
    optional: bool = False


@dataclass(frozen=True)
class ModelView:
    name: Fit
    inputs: tuple[TensorView, ...]
    outputs: tuple[TensorView, ...]


MEASURED = (  # what the backend reports beside the answer: the endpoint and the attempt; in ns the work of the whole step and of each stage
    TensorView(pbtxt("timing__server"), word("TYPE_STRING"), 1),
    TensorView(pbtxt("timing__attempt"), word("TYPE_INT64"), 1),
    TensorView(pbtxt("timing__service_ns"), word("TYPE_INT64"), 1),
    TensorView(pbtxt("timing__stage_ns"), word("TYPE_INT64"), -1),
)


def emit_triton(plan: Plan) -> Iterator[Artifact]:
    for step in plan.steps:
        if step.kind == "ai":
            folder = PurePosixPath("triton", step.task)
            yield Artifact(folder / "config.pbtxt", render("triton/config.pbtxt", model_view(step)))
            yield Artifact(folder / "1" / "model.py", render("triton/1/model.py", None))
            yield Artifact(folder / "1" / "step.json", step_json(plan, step).encode())


def model_view(step: Step) -> ModelView:
    return ModelView(
        name=pbtxt(step.task),
        inputs=tuple(tensors(entry.port for entry in step.inputs)),
        outputs=(*tensors(step.outputs), *MEASURED),
    )


def tensors(ports: Iterable[PlanPort]) -> Iterator[TensorView]:
    for port in ports:
        yield from port_tensors(port.name, port.type, port.optional)


@cache
def port_tensors(name: str, type_: str, optional: bool) -> tuple[TensorView, ...]:
    return tuple(
        TensorView(pbtxt(f"{name}__{field.name}"), triton_type(field.scalar), -1 if field.repeated else 1, optional)
        for field in PORT_TYPES[type_].fields
    )


def triton_type(scalar: Scalar) -> Fit:
    """As model_config.proto names it: BYTES is TYPE_STRING there."""
    return word("TYPE_STRING" if scalar.triton == "BYTES" else f"TYPE_{scalar.triton}")
