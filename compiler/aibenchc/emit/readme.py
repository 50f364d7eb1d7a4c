"""Plan → README.md: what this folder holds, for a reader who has only it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from aibenchrt.plan import Plan, PlanRequest, Step

from aibenchc.emit.artifact import Artifact
from aibenchc.emit.templates import Fit, line, markdown, render, word


@dataclass(frozen=True)
class RequestRow:
    name: Fit
    percent: Fit
    ports: Fit
    source: Fit


@dataclass(frozen=True)
class StepRow:
    name: Fit
    components: Fit
    models: Fit
    server: Fit
    phase: Fit


@dataclass(frozen=True)
class ReadmeView:
    scenario: Fit
    title: Fit
    deployment: Fit
    profile: Fit
    graph_hash: Fit
    requests: tuple[RequestRow, ...]
    steps: tuple[StepRow, ...]
    has_models: bool


def emit_readme(plan: Plan) -> Iterator[Artifact]:
    view = ReadmeView(
        scenario=word(plan.scenario),
        title=markdown(plan.title),
        deployment=word(plan.deployment),
        profile=word(plan.profile),
        graph_hash=word(plan.graph_hash[:12]),
        requests=tuple(request_row(plan, request) for request in plan.requests),
        steps=tuple(step_row(step) for step in plan.steps),
        has_models=any(step.kind == "ai" for step in plan.steps),
    )
    yield Artifact(PurePosixPath("README.md"), render("readme/README.md", view))


def request_row(plan: Plan, request: PlanRequest) -> RequestRow:
    return RequestRow(
        name=word(request.name),
        percent=line(f"{100 * request.share:.4g} %" + (f", deadline {1000 * request.deadline_s:g} ms" if request.deadline_s else "")),
        ports=line(", ".join(port.name for port in request.ports)),
        source=word(f"{plan.datasets[request.dataset]}.{request.source}"),
    )


def step_row(step: Step) -> StepRow:
    return StepRow(
        name=word(step.task),
        components=line(", then ".join(stage.component for stage in step.stages)),
        models=line(", ".join(stage.model for stage in step.stages if stage.model) or "–"),
        server=word("Triton" if step.kind == "ai" else "gRPC"),
        phase=word("before" if step.phase == "response" else "after"),
    )
