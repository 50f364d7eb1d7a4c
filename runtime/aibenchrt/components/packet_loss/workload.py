"""What packet_loss is measured with: groups of test clips; the figure is the share of frames that it loses."""

from __future__ import annotations

from aibenchrt.datasets.needs import CLIPS, ClipWorld
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload

MOST = 500
GROUP = 8


def groups(world: ClipWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    made: list[Values] = [
        {
            "frames": {"png": list(clip.frames[start : start + GROUP]), "lost": [False] * len(clip.frames[start : start + GROUP])},
            "image": {"png": clip.frames[start]},
            "moment": {"stream": stream, "number": start // GROUP},
        }
        for stream, clip in enumerate(world.clips("test"))
        for start in range(0, len(clip.frames), GROUP)
    ]
    return made[:MOST]


def lost(world: ClipWorld, open_service: OpenService) -> list[Figure]:
    lose = open_service("packet_loss")
    flags = [flag for group in groups(world, open_service) for flag in lose(group)["frames"]["lost"][1:]]
    return [("frames that are lost", f"{sum(flags)} of {len(flags)}")]


WORKLOADS = (Workload(groups, (CLIPS,)),)
FIGURES = (Figures(lost, (CLIPS,)),)
