"""What language_detection is measured with: held-out sentences; the figure is how often it detects their language."""

from __future__ import annotations

from aibenchrt.datasets.needs import PAIRS, ParallelWorld
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload

MOST = 500


def sentences(world: ParallelWorld, _open: OpenService) -> list[Values]:
    return [{"text": {"text": text}} for text in world.pairs("test").source[:MOST]]


def detected(world: ParallelWorld, open_service: OpenService) -> list[Figure]:
    detect, held_out = open_service("language_detection"), world.pairs("test")
    hits = [
        str(detect({"text": {"text": text}})["report"]["text"]).startswith(language)
        for language, side in ((world.language, held_out.source), ("en", held_out.target))
        for text in side
    ]
    return [("accuracy", f"{sum(hits) / len(hits):.4f}, {len(hits)} held-out sentences of both languages")]


WORKLOADS = (Workload(sentences, (PAIRS,)),)
FIGURES = (Figures(detected, (PAIRS,)),)
