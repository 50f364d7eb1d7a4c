"""What content_filter is measured with: held-out sentences; the figure is how many of them it reports."""

from __future__ import annotations

from aibenchrt.components.language_detection.workload import sentences
from aibenchrt.datasets.needs import PAIRS, ParallelWorld
from aibenchrt.workload import Figure, Figures, OpenService, Workload


def reported(world: ParallelWorld, open_service: OpenService) -> list[Figure]:
    check, texts = open_service("content_filter"), sentences(world, open_service)
    flagged = sum(check(text)["report"]["text"] != "clean" for text in texts)
    return [("sentences that are reported", f"{flagged} of {len(texts)}")]


WORKLOADS = (Workload(sentences, (PAIRS,)),)
FIGURES = (Figures(reported, (PAIRS,)),)
