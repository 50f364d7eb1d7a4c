"""A small plan written by hand, with everything a planner must do: a join, a draw, a flag, arms in turn, effects after the response."""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path
from typing import Any

from aibenchc.emit import emit
from aibenchc.protoc import stubs
from aibenchrt.component import PORT_TYPES, Scalar
from aibenchrt.plan import (
    Input,
    Plan,
    PlanArm,
    PlanExclusiveArm,
    PlanExclusiveChoice,
    PlanFallback,
    PlanGuard,
    PlanLoad,
    PlanPoisson,
    PlanPort,
    PlanRequest,
    PlanService,
    PlanStage,
    PlanUntil,
    ResponsePart,
    Source,
    Step,
    local_services,
    wiring_hash,
)
from ports import port_range


def port(text: str, optional: bool = False) -> PlanPort:
    name, kind = text.split(":")
    return PlanPort(name=name, type=kind, optional=optional)


def source(text: str) -> Source:
    """'task.port' or 'task.port@choice=arm'."""
    path, _, guard = text.partition("@")
    task, name = path.split(".")
    choice, _, arm = guard.partition("=")
    return Source(task=task, port=name, guards=(PlanGuard(choice=choice, arm=int(arm)),) if guard else ())


def step(task: str, inputs: dict[str, list[str]], outputs: list[str], phase: Any = "response", ai: bool = False) -> Step:
    """inputs: 'name:Type' ('?' after it: optional, '+': concat) → sources."""
    built = []
    for name, sources in inputs.items():
        built.append(
            Input(port=port(name.rstrip("?+"), name.endswith("?")), sources=tuple(map(source, sources)), concat=name.endswith("+"))
        )
    stage = PlanStage(name=task, component=task, kind="ai" if ai else "service", model="m" if ai else None)
    return Step(
        task=task, kind=stage.kind, family="f", stages=(stage,), inputs=tuple(built), outputs=tuple(map(port, outputs)), phase=phase
    )


def shop_plan(seed: int = 7, services: tuple[PlanService, ...] = (), load: PlanLoad | None = None) -> Plan:
    requests = (
        PlanRequest(name="text", share=0.9, dataset="shop", source="queries", ports=(port("text:Text"), port("user:User"))),
        PlanRequest(name="image", share=0.1, dataset="shop", source="photos", ports=(port("image:Image"), port("user:User"))),
    )
    users = ["text.user", "image.user"]
    classified = ["category.category", "picture.category"]
    in_turn = "searchers"
    steps = (
        step("parse", {"text:Text": ["text.text"]}, ["query:Query"]),
        step("answers", {"query:Query": ["parse.query"], "user:User": ["text.user"]}, ["details:Details", "hit:Flag", "query:Query"]),
        step("category", {"query:Query": ["answers.query@cached=1"]}, ["category:Category"], ai=True),
        step("picture", {"image:Image": ["image.image"]}, ["category:Category"], ai=True),
        step("profile", {"user:User": users}, ["profile:Profile"]),
        *(
            step(
                tier,
                {"query:Query?": ["answers.query"], "category:Category": [f"{c}@{in_turn}={arm}" for c in classified]},
                ["items:Items", "hits:Count"],
            )
            for arm, tier in enumerate(("excellent", "good", "bad"))
        ),
        step(
            "recommend",
            {"items:Items+": ["excellent.items", "good.items", "bad.items"], "profile:Profile": ["profile.profile"]},
            ["items:Items"],
            ai=True,
        ),
        step("rank_a", {"items:Items": ["recommend.items@ranker=0"]}, ["items:Items"], ai=True),
        step("rank_b", {"items:Items": ["recommend.items@ranker=1"]}, ["items:Items"], ai=True),
        step("summary", {"items:Items": ["rank_a.items", "rank_b.items"]}, ["details:Details"]),
        step("remember", {"query:Query?": ["answers.query"], "user:User": users, "details:Details": ["summary.details"]}, [], "after"),
        step("clicks", {"details:Details": ["summary.details"], "user:User?": users}, [], "after"),
    )
    choices = (
        PlanExclusiveChoice(name="cached", arms=(PlanExclusiveArm(share=0.15, when=source("answers.hit")), PlanExclusiveArm(share=0.85))),
        PlanFallback(
            name=in_turn,
            arms=(PlanArm(share=1), PlanArm(share=0.35), PlanArm(share=0.15)),
            until=PlanUntil(counts=(source("excellent.hits"), source("good.hits"), source("bad.hits")), at_least=50),
        ),
        PlanExclusiveChoice(name="ranker", arms=(PlanExclusiveArm(share=0.3), PlanExclusiveArm(share=0.7))),
    )
    response = (ResponsePart(port=port("details:Details"), sources=(source("answers.details@cached=0"), source("summary.details"))),)
    placed = local_services(steps, itertools.count(21000))
    return Plan(
        scenario="planner_trial", title="a shop", deployment="local", profile="small", seed=seed,
        graph_hash=wiring_hash(requests, steps, choices, response), datasets={"shop": "movielens_shop"},
        requests=requests, steps=steps, choices=choices, response=response, services=services or placed,
        load=load or PlanPoisson(rate=20.0, duration_s=5.0, warmup_s=1.0, seed=seed), metrics=("ndcg@10",), percentiles=(50.0, 90.0, 99.0),
        slo=(), quality=(), update=(), references=(),
    )  # fmt: skip


def empty(port_type: str) -> dict[str, Any]:
    """A value of this type with empty fields, as proto3 has it."""
    blank = {Scalar.STRING: "", Scalar.BYTES: b"", Scalar.INT64: 0, Scalar.FLOAT: 0.0, Scalar.BOOL: False}
    return {field.name: [] if field.repeated else blank[field.scalar] for field in PORT_TYPES[port_type].fields}


def items(*ids: int) -> dict[str, Any]:
    return {field.name: list(ids) if field.name == "item_id" else [0] * len(ids) for field in PORT_TYPES["Items"].fields}


def generate(plan: Plan, folder: Path) -> Path:
    """The plan as the compiler emits it, with its stubs: a generated folder."""
    artifacts = emit(plan)
    proto = next(artifact for artifact in artifacts if artifact.path.suffix == ".proto")
    for artifact in (*artifacts, *stubs(proto)):
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.data)
    return folder


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, of those that this process's tests may take."""
    free = []
    for candidate in random.sample(port_range(), 1000):  # several test sessions may look at once
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
        free.append(candidate)
        if len(free) == count:
            return free
    raise RuntimeError("no free ports")
