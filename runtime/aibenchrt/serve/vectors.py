"""Serves models that answer with a vector of unit length. Needs numpy and ONNX Runtime, never torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.serve.models import open_session, random_generator, read_metadata
from aibenchrt.values import Values, Work


def vector_of(folder: Path, graph: str, given: str, read: Callable[[Values], NDArray[Any]]) -> Work:
    """The graph's output `vector` of its input `given`. read: inputs of the component → (1, …) float32.

    EnvironmentFailure AIB603: the graph is missing or corrupted.
    """
    session = open_session(folder, graph)

    def embed(inputs: Values) -> Values:
        ((vector,),) = session.run(["vector"], {given: read(inputs)})
        return {"vector": {"value": vector.tolist()}}

    return embed


def random_direction(folder: Path, *fields: tuple[str, str]) -> Work:
    """A direction drawn at random, of as many dimensions as the model's. fields: ports and fields whose content alone it depends on."""
    width = int(read_metadata(folder)["serving"]["width"])

    def guess(inputs: Values) -> Values:
        drawn = random_generator(*((port, inputs[port][field]) for port, field in fields)).normal(size=width)
        return {"vector": {"value": (drawn / np.linalg.norm(drawn)).tolist()}}

    return guess
