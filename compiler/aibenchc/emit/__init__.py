"""Plan → files. An emitter is one function Plan → artifacts, its templates lie in templates/<emitter>/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from aibenchrt.plan import Plan

from aibenchc.emit.ansible import emit_ansible
from aibenchc.emit.artifact import Artifact
from aibenchc.emit.grpc import emit_grpc
from aibenchc.emit.load import emit_load
from aibenchc.emit.readme import emit_readme
from aibenchc.emit.triton import emit_triton

__all__ = ["EMITTERS", "Artifact", "emit"]

Emitter = Callable[[Plan], Iterator[Artifact]]


def emit_plan(plan: Plan) -> Iterator[Artifact]:
    yield Artifact(PurePosixPath("plan.json"), (plan.model_dump_json(indent=1) + "\n").encode())


EMITTERS: tuple[Emitter, ...] = (emit_plan, emit_grpc, emit_triton, emit_load, emit_ansible, emit_readme)


def emit(plan: Plan) -> tuple[Artifact, ...]:
    """Every file of a compiled scenario but the stubs (protoc.py) and the manifest, in the order of EMITTERS. Pure."""
    return tuple(artifact for emitter in EMITTERS for artifact in emitter(plan))
