"""What rendering is measured with: held-out bodies in held-out pictures as textures, from drawn cameras, in both looks."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from aibenchrt.datasets.draws import rng_of
from aibenchrt.datasets.needs import SOLIDS, VIEWS, SolidWorld, ViewWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

MOST = 200


class _Arcade(SolidWorld, ViewWorld, Protocol): ...


def bodies(world: _Arcade, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    textures, shown = world.views("test"), world.solids("test")
    rng = rng_of(7, "cameras to measure with")
    chosen = np.linspace(0, len(shown) - 1, min(MOST, len(shown))).astype(int)
    return [
        {
            "solid": {"content": shown[row].solid, "side": shown[row].side},
            "texture": {"png": textures[number % len(textures)].png},
            "camera": {
                "azimuth": float(rng.uniform(-180, 180)),
                "elevation": float(rng.uniform(5, 40)),
                "distance": float(rng.uniform(2.9, 3.6)),
            },
        }
        for number, row in enumerate(chosen.tolist())
    ]


WORKLOADS = tuple(
    Workload(bodies, (SOLIDS, VIEWS), {"look": look, "side": side}, f"{look}, {side} pixels a side")
    for look in ("raster", "occluded")
    for side in (64, 96, 128)
)
