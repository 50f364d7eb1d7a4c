"""What image_memory is measured with: held-out photos, none of which it may know; the figure is what it knows of scaled pictures."""

from __future__ import annotations

import io
from typing import Protocol

import numpy as np
from PIL import Image

from aibenchrt.components.image_filter.workload import photos
from aibenchrt.datasets.needs import BOXES, CATALOGUE, BoxedWorld, CatalogueWorld
from aibenchrt.workload import Figure, Figures, OpenService, Workload


class Pictured(BoxedWorld, CatalogueWorld, Protocol):
    """What the figure needs."""


def recognised(world: Pictured, open_service: OpenService) -> list[Figure]:
    memory = open_service("image_memory")
    right = [memory({"image": {"png": _smaller(entry.png)}})["details"]["item_id"] == [entry.item_id] for entry in world.catalogue]
    wrong = [memory(asked)["hit"]["value"] for asked in photos(world, open_service)]
    return [
        ("catalogue pictures at 3/4 the side that are recognised", f"{np.mean(right):.3f} of {len(right)}"),
        ("photos that are taken for one", f"{sum(wrong)} of {len(wrong)}"),
    ]


def _smaller(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as whole:
        copy = whole.resize((whole.width * 3 // 4, whole.height * 3 // 4), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    copy.save(out, "PNG")
    return out.getvalue()


WORKLOADS = (Workload(photos, (BOXES,)),)
FIGURES = (Figures(recognised, (BOXES, CATALOGUE)),)
