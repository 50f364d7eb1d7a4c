"""What translation_memory is measured with: held-out sentences; the figure is how many typed requests it finds a match for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibenchrt.components.language_detection.workload import sentences
from aibenchrt.datasets.needs import PAIRS
from aibenchrt.workload import Figure, Figures, OpenService, Workload

if TYPE_CHECKING:
    from aibenchrt.datasets.translation.world import TranslationWorld

MOST = 1000


def recalled(world: TranslationWorld, open_service: OpenService) -> list[Figure]:
    recall, typed = open_service("translation_memory"), world.typed("test")[:MOST]
    hits = sum(bool(recall({"text": {"text": text}})["hit"]["value"]) for _, text in typed)
    return [("hits of 95 percent likeness", f"{hits} of {len(typed)} typed requests")]


WORKLOADS = (Workload(sentences, (PAIRS,)),)
FIGURES = (Figures(recalled, (PAIRS,), worlds=("translation",)),)
