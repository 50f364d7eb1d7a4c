"""Plan → load.json: what the query generator sends, at which rate, from which source and to which address; and its trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from aibenchrt.plan import Plan, PlanRequest, planner_endpoints

from aibenchc.emit.artifact import Artifact
from aibenchc.model import Load, Trace

LOAD_VERSION = 2


def emit_load(plan: Plan) -> Iterator[Artifact]:
    content = {
        "version": LOAD_VERSION,
        "scenario": plan.scenario,
        "target": list(planner_endpoints(plan)),
        "load": plan.load.model_dump(),
        "mix": [mixed(request, plan) for request in plan.requests],
        "metrics": list(plan.metrics),
        "percentiles": list(plan.percentiles),
    }
    yield Artifact(PurePosixPath("load.json"), (json.dumps(content, indent=1) + "\n").encode())


def mixed(request: PlanRequest, plan: Plan) -> dict[str, object]:
    """One class of the mix, with its deadline if it has one."""
    row = {"class": request.name, "share": request.share, "dataset": plan.datasets[request.dataset], "source": request.source}
    return row if request.deadline_s is None else {**row, "deadline_s": request.deadline_s}


def emit_trace(load: Load) -> Iterator[Artifact]:
    """The offsets of a trace load, in a file of the name that the plan gives it."""
    if isinstance(load.arrivals, Trace):
        yield Artifact(PurePosixPath(load.arrivals.file_name), load.arrivals.lines)
