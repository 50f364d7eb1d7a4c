"""Every scenario as its operators wrote it down, with no rule applied: all its tasks run, on data and models of the smallest size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchrt.components.logging.service import read_log
from aibenchrt.components.tracing.service import read_spans
from aibenchrt.plan import Plan, PlanExclusiveChoice, PlanStreams, read_plan
from aibenchrt.planner.executor import draw, drawn_arm
from paths import SPECS
from scenario import deploy

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]  # a machine without caches trains up to seven models first

RULES = "R1,R2,R3,R4,R5,R6"
RATE, WARMUP_S = 10.0, 2.0
TIMEOUT_S = 120.0  # other tests take their part of the cores: how long a request waits for one is no part of this
# Tasks of the spec, and classes that distilling takes away.
SCENARIOS = {
    "ecommerce": (23, "voice"),
    "face_payment": (25, "card"),
    "image_retrieval": (22, "address"),
    "live_streaming": (24, "spoken"),
    "news_feed": (22, "voice"),
    "online_gaming": (22, "spoken"),
    "translation": (14, "phone"),
    "video_services": (23, "spoken"),
    "web_search": (28, "voice"),
}


def seconds_for_rare_arms(plan: Plan) -> float:
    """Until requests of the schedule have drawn every arm of every draw twice, whatever reaches it: ids count from 0."""
    last = 0
    for choice in plan.choices:
        if isinstance(choice, PlanExclusiveChoice) and not choice.flags:
            left = Counter(dict.fromkeys(range(len(choice.arms)), 2))
            number = 0
            while +left:
                left[drawn_arm(choice, draw(plan.seed, number, choice.name))] -= 1
                number += 1
            last = max(last, number)
    return last / RATE


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_task_of_the_undistilled_graph_is_called(name: str, tmp_path: Path) -> None:
    tasks, rare = SCENARIOS[name]
    spec = tmp_path / f"undistilled_{name}.aib"  # a name of its own: this process may have loaded the distilled scenario's stubs
    spec.write_text(
        (SPECS / f"{name}.aib").read_text(encoding="utf-8").replace(f"scenario {name} ", f"scenario {spec.stem} "), encoding="utf-8"
    )
    generated = tmp_path / "generated"
    assert main(["compile", str(spec), "--out", str(generated), "--without", RULES]) == 0
    plan = read_plan(generated / "plan.json")
    assert sum(len(step.stages) for step in plan.steps) == len(plan.steps) == tasks, "nothing is combined, nothing has gone"
    duration = max(20.0, seconds_for_rare_arms(plan) - WARMUP_S)
    streams = 1 if isinstance(plan.load, PlanStreams) else None
    run = deploy(generated, rate=RATE, streams=streams, duration_s=duration, warmup_s=WARMUP_S, supplement_s=10.0, timeout_s=TIMEOUT_S).run
    assert run.info.outcome == "completed"
    assert Counter(request.outcome for request in run.requests) == {"ok": len(run.requests)}
    assert {request.request_class for request in run.requests} == {request.name for request in plan.requests}
    assert rare in {request.request_class for request in run.requests}
    calls = [call for request in run.requests for call in run.calls_of[request.request_id]]
    assert {call.outcome for call in calls} == {"ok"}
    called = Counter(call.task for call in calls)
    assert {step.task for step in plan.steps} == set(called)
    written = Counter(record["task"] for record in read_log(run.directory / "state"))
    watched = {source.task for step in plan.steps if step.task == "audit" for entry in step.inputs for source in entry.sources}
    assert all(written[task] for task in watched)
    assert sum(written[task] for task in watched) >= called["audit"], "a record of every call that was logged"
    assert spanned(plan) == {span["name"] for span in read_spans(run.directory / "state")}
    if name == "ecommerce":
        treated = {note for call in calls if call.task == "assign" for note in call.note}
        assert treated == {"treated=0", "treated=1"}
        assert called["rank"] > 0 < called["rank_new"]


def spanned(plan: Plan) -> set[str]:
    """The tasks whose calls are traced."""
    tracing = [step for step in plan.steps if step.stages[0].component == "tracing"]
    return {source.task for step in tracing for entry in step.inputs for source in entry.sources}
