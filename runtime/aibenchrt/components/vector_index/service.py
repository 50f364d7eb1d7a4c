"""Vector index: approximate nearest neighbours in a graph (HNSW; Malkov and Yashunin 2020), by usearch, joined with a search by words.

    score = cosine similarity of the vectors + weight · (score by words / best score by words)

The catalogue's vectors are made when the index is built, by the model whose vectors it is asked with. Items that only the words found get
their similarity from the index, too. Insertion is by one thread in order of ids, so that the same vectors give the same graph.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.values import Value, Values, Work

with contextlib.suppress(ImportError):  # where both are installed, onnxruntime has to be loaded first: behind usearch it ends by SIGSEGV
    import onnxruntime  # noqa: F401
from usearch.index import Index

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import CatalogueWorld

CONNECTIVITY, EXPANSION_ADD = 16, 128  # usearch's own settings
_GRAPH, _HELD = "vectors.usearch", "held.json"
_SIDE = 8  # pixels


def pixels(inputs: Values) -> Values:
    """Stands in for a model where the index is measured alone: a picture's 8 × 8 pixels, less their mean, of unit length."""
    with Image.open(io.BytesIO(inputs["image"]["png"]), formats=("PNG",)) as opened:
        small = np.asarray(opened.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float32).ravel()
    centred = small - small.mean()
    return {"vector": {"value": (centred / max(float(np.linalg.norm(centred)), 1e-6)).tolist()}}


def prepare(world: CatalogueWorld, settings: Mapping[str, str | int], folder: Path, embed: Work = pixels) -> None:
    """embed: image → vector. ValueError: it makes vectors of several lengths, or of none."""
    entries = sorted(world.catalogue, key=lambda entry: entry.item_id)
    vectors = [np.asarray(embed({"image": {"png": entry.png}})["vector"]["value"], dtype=np.float32) for entry in entries]
    if {vector.shape for vector in vectors} != {vectors[0].shape} or not len(vectors[0]):
        raise ValueError("the vectors of the catalogue's pictures are not equally long")
    graph = _index(len(vectors[0]), int(settings["expansion"]))
    graph.add(np.array([entry.item_id for entry in entries], dtype=np.uint64), np.stack(vectors), threads=1)
    graph.save(str(folder / _GRAPH))
    held = {"length": len(vectors[0]), "labels": {entry.item_id: entry.label for entry in entries}}
    (folder / _HELD).write_text(json.dumps(held), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    held = json.loads((folder / _HELD).read_bytes())
    graph = _index(int(held["length"]), int(settings["expansion"]))
    graph.load(str(folder / _GRAPH))
    labels = {int(item): int(label) for item, label in held["labels"].items()}
    return Search(graph, labels, int(settings["limit"]), int(settings["weight"]) / 1000)


def _index(length: int, expansion: int) -> Index:
    return Index(
        ndim=length,
        metric="cos",
        dtype="f32",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=expansion,
    )


class Search:
    """Implements `Work`. labels: item id → category. Thread-safe: one search at a time, since usearch's searches share their buffers."""

    def __init__(self, graph: Index, labels: Mapping[int, int], limit: int, weight: float) -> None:
        self._graph, self._labels, self._limit, self._weight = graph, labels, limit, weight
        self._lock = threading.Lock()

    def __call__(self, inputs: Values) -> Values:
        """ValueError: the vector is not as long as the index's, or not finite."""
        vector = np.asarray(inputs["vector"]["value"], dtype=np.float32)
        if vector.shape != (self._graph.ndim,) or not np.isfinite(vector).all():
            raise ValueError(f"the index takes {self._graph.ndim} finite numbers, and got a vector of shape {vector.shape}")
        words = self._by_words(inputs.get("words"))
        with self._lock:
            found = self._graph.search(vector, self._limit, threads=1)
            similarity = dict(zip(map(int, found.keys), (1.0 - found.distances).tolist(), strict=True))
            similarity |= self._compared(vector, [item for item in words if item not in similarity])
        scores = {item: alike + self._weight * words.get(item, 0.0) for item, alike in similarity.items()}
        best = sorted(scores, key=lambda item: (-scores[item], item))[: self._limit]
        zeros = [0.0] * len(best)
        items = {
            "item_id": best,
            "category": [self._labels[item] for item in best],
            "popularity": zeros,
            "search_score": [scores[item] for item in best],
            "recommend_score": zeros,
            "rank_score": zeros,
        }
        return {"items": items}

    def _by_words(self, found: Value | None) -> dict[int, float]:
        """Item → its score by words as a share of the best one; of items that are in the index."""
        if found is None or not len(found["item_id"]):
            return {}
        best = max(max(found["search_score"]), 1e-9)
        pairs = zip(found["item_id"], found["search_score"], strict=True)
        return {int(item): float(score) / best for item, score in pairs if int(item) in self._labels}

    def _compared(self, vector: NDArray[np.float32], items: list[int]) -> dict[int, float]:
        if not items:
            return {}
        vectors: Any = self._graph.get(np.array(items, dtype=np.uint64))
        lengths = np.linalg.norm(vectors, axis=1) * max(float(np.linalg.norm(vector)), 1e-9)
        # Summed without BLAS: its threads would spin for tens of milliseconds after each such product, on cores that others need.
        return dict(zip(items, ((vectors * vector).sum(axis=1) / np.maximum(lengths, 1e-9)).tolist(), strict=True))
