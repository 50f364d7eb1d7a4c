"""What vector_index is measured with: vectors of held-out upright views, by their pixels; a model's recall is on its own page."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from aibenchrt.components.vector_index.service import pixels
from aibenchrt.datasets.needs import CATALOGUE, VIEWS, CatalogueWorld, ViewWorld
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload

MOST = 500


def vectors(world: ViewWorld, open_service: OpenService) -> list[Values]:  # noqa: ARG001 - needs no other component
    return [pixels({"image": {"png": view.png}}) for view in world.views("test")[:MOST]]


class Pictured(ViewWorld, CatalogueWorld, Protocol):
    """What the figure needs."""


def agreement(world: Pictured, open_service: OpenService) -> list[Figure]:
    """The share of the ten nearest by comparing with every picture that the graph finds, too."""
    search, asked = open_service("vector_index", limit=10), vectors(world, open_service)
    items = np.array([entry.item_id for entry in world.catalogue])
    all_vectors = np.array([pixels({"image": {"png": entry.png}})["vector"]["value"] for entry in world.catalogue])
    shares = []
    for question in asked:
        alike = all_vectors @ np.asarray(question["vector"]["value"])
        nearest = items[np.argsort(-alike, kind="stable")[:10]]
        shares.append(len(set(nearest.tolist()) & set(search(question)["items"]["item_id"])) / 10)
    return [("of the ten nearest, found by the graph", f"{np.mean(shares):.4f}, {len(asked)} vectors")]


WORKLOADS = (Workload(vectors, (VIEWS,)),)
FIGURES = (Figures(agreement, (VIEWS, CATALOGUE)),)
