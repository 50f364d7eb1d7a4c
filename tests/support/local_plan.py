"""A plan without AI tasks, on real services: what control is tried with where Triton would only cost time.

As a program, python local_plan.py GENERATED RUNS: runs a generated folder and writes the run directory's name.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.plan import Plan, PlanPoisson, PlanRequest, PlanStage, ResponsePart, Step, local_services, wiring_hash
from shop_plan import port, shop_plan, source, step


def _step(task: str, component: str, inputs: dict[str, list[str]], outputs: list[str], phase: str = "response", **settings: Any) -> Step:
    stage = PlanStage(name=task, component=component, kind="service", settings=settings)
    return step(task, inputs, outputs, phase).model_copy(update={"stages": (stage,)})


def local_plan(ports: list[int], duration_s: float = 3.0) -> Plan:
    """parse → answers (the cache) → response; profile beside it; remember after it. Needs five ports."""
    requests = (PlanRequest(name="text", share=1.0, dataset="shop", source="queries", ports=(port("text:Text"), port("user:User"))),)
    asked = {"query:Query": ["parse.query"], "user:User": ["text.user"]}
    kept = {"query:Query?": ["answers.query"], "user:User": ["text.user"], "details:Details": ["answers.details"]}
    steps = (
        _step("parse", "query_parsing", {"text:Text": ["text.text"]}, ["query:Query"]),
        _step("answers", "cache_lookup", asked, ["details:Details", "hit:Flag", "query:Query"], table="answers"),
        _step("profile", "database_operation", {"user:User": ["text.user"]}, ["profile:Profile"], table="users", engine="sqlite", top=10),
        _step("remember", "cache_store", kept, [], "after", table="answers", capacity=10000),
    )
    response = (ResponsePart(port=port("details:Details"), sources=(source("answers.details"),)),)
    base = shop_plan(services=local_services(steps, ports), load=PlanPoisson(rate=40.0, duration_s=duration_s, warmup_s=1.0, seed=7))
    wiring = wiring_hash(requests, steps, (), response)
    changed = {"scenario": "control_trial", "requests": requests, "steps": steps, "choices": (), "response": response, "graph_hash": wiring}
    return base.model_copy(update=changed)


if __name__ == "__main__":
    sys.stdout.write(f"{run_local(Path(sys.argv[1]), Path(sys.argv[2]), RunOptions(variant='synthetic'))}\n")
