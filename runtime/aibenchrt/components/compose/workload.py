"""What compose is measured with: held-out pictures of goods on frames of clips, and frames alone."""

from __future__ import annotations

from typing import Protocol

from aibenchrt.datasets.needs import CLIPS, VIEWS, ClipWorld, ViewWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

MOST = 200


class _Shown(ClipWorld, ViewWorld, Protocol): ...


def alone(world: ClipWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    return [{"image": {"png": png}} for png in world.clips("test")[0].frames]


def with_gift(world: _Shown, open_service: OpenService) -> list[Values]:
    gifts = world.views("test")
    frames = alone(world, open_service)[:MOST]
    return [{**frame, "overlay": {"png": gifts[place % len(gifts)].png}} for place, frame in enumerate(frames)]


WORKLOADS = (Workload(with_gift, (CLIPS, VIEWS), what="with a gift"), Workload(alone, (CLIPS,), what="without one"))
