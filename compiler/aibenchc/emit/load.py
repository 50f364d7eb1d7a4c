"""Plan → load.json: what the query generator sends, at which rate, from which source and to which address; and its trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from aibenchrt.plan import Plan, planner_endpoints

from aibenchc.emit.artifact import Artifact
from aibenchc.model import Load, Trace

LOAD_VERSION = 2


def emit_load(plan: Plan) -> Iterator[Artifact]:
    content = {
        "version": LOAD_VERSION,
        "scenario": plan.scenario,
        "target": list(planner_endpoints(plan)),
        "load": plan.load.model_dump(),
        "mix": [{"class": r.name, "share": r.share, "dataset": plan.datasets[r.dataset], "source": r.source} for r in plan.requests],
        "metrics": list(plan.metrics),
        "percentiles": list(plan.percentiles),
    }
    yield Artifact(PurePosixPath("load.json"), (json.dumps(content, indent=1) + "\n").encode())


def emit_trace(load: Load) -> Iterator[Artifact]:
    """The offsets of a trace load, in a file of the name that the plan gives it."""
    if isinstance(load.arrivals, Trace):
        yield Artifact(PurePosixPath(load.arrivals.file_name), load.arrivals.lines)
