"""A plan of five tasks, built by hand: what the emitters get, without the phases before them."""

from __future__ import annotations

from itertools import count

from aibenchrt import plan as p
from aibenchrt.catalog import component
from aibenchrt.component import Port

Feeds = dict[str, list[tuple[str, str]]]


def port(source: Port) -> p.PlanPort:
    return p.PlanPort(name=source.name, type=source.type, optional=source.optional, many=source.many)


def step(task: str, name: str, feeds: Feeds, model: str | None = None, after: bool = False, **settings: str | int) -> p.Step:
    spec = component(name)
    assert spec is not None
    ports = spec.ports_for(settings)
    kind = "ai" if model else "service"
    stage = p.PlanStage(name=task, component=name, kind=kind, settings=settings, model=model)
    inputs = tuple(p.Input(port=port(i), sources=tuple(p.Source(task=t, port=o) for t, o in feeds.get(i.name, ()))) for i in ports.inputs)
    phase = "after" if after else "response"
    outputs = tuple(port(o) for o in ports.outputs)
    return p.Step(task=task, kind=kind, family=spec.family, stages=(stage,), inputs=inputs, outputs=outputs, phase=phase)


def request(name: str, share: float, source: str, *ports: tuple[str, str]) -> p.PlanRequest:
    made = tuple(p.PlanPort(name=n, type=t) for n, t in ports)
    return p.PlanRequest(name=name, share=share, dataset="shop", source=source, ports=made)


def small_plan(title: str = "A small search", reference: str = "published", setting: str = "answers") -> p.Plan:
    requests = (
        request("text", 0.9, "queries", ("text", "Text"), ("user", "User")),
        request("image", 0.1, "photos", ("image", "Image"), ("user", "User")),
    )
    both = [("category", "category"), ("picture", "category")]
    steps = (
        step("parse", "query_parsing", {"text": [("text", "text")]}),
        step("category", "text_classification", {"query": [("parse", "query")]}, "fasttext"),
        step("picture", "image_classification", {"image": [("image", "image")]}, "resnet20"),
        step("find", "indexing", {"query": [("parse", "query")], "category": both}, tier=setting),
        step("summary", "database_operation", {"items": [("find", "items")]}, table="items"),
        step("clicks", "event_log", {"details": [("summary", "details")], "user": [("text", "user"), ("image", "user")]}, after=True),
    )
    response = (p.ResponsePart(port=p.PlanPort(name="details", type="Details"), sources=(p.Source(task="summary", port="details"),)),)
    item = p.PlanReferenceItem(quantity=p.PlanLatencyPercentile(percentile=99), value=100, within=0.1)
    return p.Plan(
        scenario="small",
        title=title,
        deployment="local",
        profile="small",
        seed=7,
        graph_hash=p.wiring_hash(requests, steps, (), response),
        datasets={"shop": "movielens_shop"},
        requests=requests,
        steps=steps,
        choices=(),
        response=response,
        services=p.local_services(steps, count(21000)),
        load=p.PlanPoisson(rate=20, duration_s=20, warmup_s=5, seed=7),
        metrics=("precision@10",),
        percentiles=(50, 99),
        slo=(),
        quality=(),
        update=(),
        references=(p.PlanReference(title=reference, deployment="local", items=(item,)),),
    )


def audited_plan() -> p.Plan:
    """With a ledger, whose state is audited, in the place of the task before the response."""
    plan = small_plan()
    ledger = plan.steps[4].stages[0].model_copy(update={"component": "ledger", "settings": {"engine": "sqlite"}})
    steps = (*plan.steps[:4], plan.steps[4].model_copy(update={"stages": (ledger,)}), *plan.steps[5:])
    return plan.model_copy(update={"steps": steps, "graph_hash": p.wiring_hash(plan.requests, steps, (), plan.response)})
