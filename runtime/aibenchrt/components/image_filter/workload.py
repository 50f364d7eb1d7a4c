"""What image_filter is measured with: held-out photos; the figure is how many of them it reports."""

from __future__ import annotations

from aibenchrt.datasets.needs import BOXES, BoxedWorld
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload

MOST = 500


def photos(world: BoxedWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    return [{"image": {"png": photo.png}} for photo in world.boxed("test")[:MOST]]


def reported(world: BoxedWorld, open_service: OpenService) -> list[Figure]:
    check, pictures = open_service("image_filter"), photos(world, open_service)
    flagged = sum(check(picture)["report"]["text"] != "clean" for picture in pictures)
    return [("photos that are reported", f"{flagged} of {len(pictures)}")]


WORKLOADS = (Workload(photos, (BOXES,)),)
FIGURES = (Figures(reported, (BOXES,)),)
