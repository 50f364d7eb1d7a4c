"""A plan of streams on real services: each frame goes to a task that counts the frames of its stream, a component of a library of tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aibenchrt import libraries
from aibenchrt.plan import (
    Plan,
    PlanLibrary,
    PlanRequest,
    PlanSlo,
    PlanStage,
    PlanStreams,
    ResponsePart,
    TaskService,
    local_services,
    wiring_hash,
)
from paths import ROOT
from shop_plan import free_ports, port, shop_plan, source, step

SOURCES = ROOT / "tests" / "libraries" / "moving_numbers"
NAME, VERSION = "moving_numbers", "1.0"
CLIP, CLIPS = 50, 6


@contextmanager
def moving_numbers(folder: Path) -> Iterator[PlanLibrary]:
    """The library installed in the folder, for this process and those that it starts."""
    info = folder / f"{NAME}-{VERSION}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[aibenchc.library]\n{NAME} = {NAME}.library:LIBRARY\n", encoding="utf-8")
    (info / "RECORD").write_text("", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SOURCES))
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", ":".join(sys.path))
        try:
            yield PlanLibrary(name=NAME, distribution=NAME, version=VERSION)
        finally:
            libraries.use(())


def streams_plan(
    library: PlanLibrary, load: PlanStreams, replicas: int = 2, deadline_s: float = 0.04, slo: Sequence[PlanSlo] = (), **settings: Any
) -> Plan:
    """frame and gift → count → response, with that many replicas of `count`."""
    ports = (port("moment:Moment"), port("text:Text"))
    requests = tuple(
        PlanRequest(name=name, share=share, dataset="show", source=f"{name}s", ports=ports, clip=CLIP, deadline_s=deadline_s)
        for name, share in (("frame", 0.9), ("gift", 0.1))
    )
    stage = PlanStage(name="count", component="frame_counter", kind="service", settings=settings)
    made = step("count", {"moment:Moment": ["frame.moment", "gift.moment"]}, ["frames:Count"])
    steps = (made.model_copy(update={"stages": (stage,), "family": "video_capture"}),)
    response = (ResponsePart(port=port("frames:Count"), sources=(source("count.frames"),)),)
    services = (
        *local_services((), free_ports(1)),
        TaskService(task="count", endpoints=tuple(f"127.0.0.1:{p}" for p in free_ports(replicas))),
    )
    changed = {
        "scenario": "streams_trial", "title": "A show of numbers", "libraries": (library,), "datasets": {"show": "numbers_show"},
        "requests": requests, "steps": steps, "choices": (), "response": response, "services": services,
        "graph_hash": wiring_hash(requests, steps, (), response), "metrics": (), "percentiles": (50.0, 90.0), "slo": tuple(slo),
        "frame_metrics": ("missed", "dropped", "jitter"),
    }  # fmt: skip
    return shop_plan(load=load).model_copy(update=changed)
