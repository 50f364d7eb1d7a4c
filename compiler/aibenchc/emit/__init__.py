"""Plan → files. An emitter is one function Plan → artifacts and a condition on the plan; its templates lie in templates/<emitter>/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from aibenchrt.plan import Plan

from aibenchc.emit.ansible import emit_ansible
from aibenchc.emit.artifact import Artifact
from aibenchc.emit.grpc import emit_grpc
from aibenchc.emit.load import emit_load
from aibenchc.emit.readme import emit_readme
from aibenchc.emit.triton import emit_triton

__all__ = ["EMITTERS", "Artifact", "emit"]


@dataclass(frozen=True)
class Emitter:
    """One kind of output. emits_for: whether a plan needs it."""

    emit: Callable[[Plan], Iterator[Artifact]]
    emits_for: Callable[[Plan], bool]


def every_plan(_plan: Plan) -> bool:
    return True


def with_models(plan: Plan) -> bool:
    """Where Triton serves a step."""
    return any(step.kind == "ai" for step in plan.steps)


def emit_plan(plan: Plan) -> Iterator[Artifact]:
    yield Artifact(PurePosixPath("plan.json"), (plan.model_dump_json(indent=1) + "\n").encode())


EMITTERS: tuple[Emitter, ...] = (
    Emitter(emit_plan, every_plan),
    Emitter(emit_grpc, every_plan),
    Emitter(emit_triton, with_models),
    Emitter(emit_load, every_plan),
    Emitter(emit_ansible, every_plan),  # a deployment without an inventory goes onto one systemd host by site.yml
    Emitter(emit_readme, every_plan),
)


def emit(plan: Plan) -> tuple[Artifact, ...]:
    """Every file that the plan needs but the stubs (protoc.py) and the manifest, in the order of EMITTERS. Pure."""
    return tuple(artifact for emitter in EMITTERS if emitter.emits_for(plan) for artifact in emitter.emit(plan))
