"""Opens an AI stage's model version for serving: ONNX Runtime and numpy, never torch.

A model version is a folder with metadata.json and one .onnx file for each graph of the model: mostly model.onnx alone. `model` of a
stage may also be 'baseline' (the component's naive rule) or 'random' (answers of the right type that ignore the input): the ablation
puts these in a component's place.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from aibenchrt.catalog import component_module
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanStage
from aibenchrt.values import Value, Values, Work

Settings = Mapping[str, str | int]

RULES = ("baseline", "random")


def open_stage(stage: PlanStage, folder: Path) -> Work:
    """The stage's component at work on the model version in `folder`. EnvironmentFailure AIB603: no such version, or a broken one."""
    metadata = read_metadata(folder)
    if metadata.get("component") != stage.component:
        raise broken(folder, f"is a model of {metadata.get('component')}, not of {stage.component}")
    serve = component_module(stage.component, "serve")
    opener = {"baseline": "open_baseline", "random": "open_random"}.get(stage.model or "", "open_work")
    work: Work = getattr(serve, opener)(folder, stage.settings)
    return work


def read_metadata(folder: Path) -> dict[str, Any]:
    """What training wrote beside the weights. EnvironmentFailure AIB603: missing or not JSON."""
    try:
        metadata = json.loads((folder / "metadata.json").read_bytes())
    except FileNotFoundError:
        raise broken(folder, "is not there") from None
    except ValueError as error:
        raise broken(folder, f"has an unreadable metadata.json ({error})") from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("serving"), dict):
        raise broken(folder, "has a metadata.json without serving data")
    return metadata


def open_session(folder: Path, name: str = "model") -> ort.InferenceSession:
    """The graph `name` (<name>.onnx) on one CPU thread, after its sha256 was compared with metadata.json.

    EnvironmentFailure AIB603: missing or corrupted.
    """
    metadata = read_metadata(folder)
    path = folder / f"{name}.onnx"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise broken(folder, f"has no {path.name}") from None
    if hashlib.sha256(content).hexdigest() != metadata.get("files", {}).get(path.name):
        raise broken(folder, f"is corrupted: {path.name} does not have the sha256 that metadata.json records")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # more threads per component increase tail latency greatly on a busy machine
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def broken(folder: Path, problem: str) -> EnvironmentFailure:
    return EnvironmentFailure("AIB603", folder=folder, problem=problem)


def rank_by(items: Value, scores: NDArray[Any], field: str, top: int | None = None) -> dict[str, list[Any]]:
    """The items with `field` set to `scores`, best first, ties in the order they came in; only the best `top`."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")[:top]
    ranked = {name: np.asarray(values)[order].tolist() for name, values in items.items()}
    ranked[field] = np.asarray(scores, dtype=np.float32)[order].tolist()
    return ranked


def most_probable_first(probability: NDArray[Any]) -> dict[str, list[Any]]:
    """A Category value of all labels. probability: (labels,) summing to 1."""
    order = np.argsort(-probability, kind="stable")
    return {"label": order.tolist(), "probability": probability[order].tolist()}


def label_prior(folder: Path) -> Work:
    """A classifier's baseline: the labels' shares in its training requests, whatever the request."""
    answer = most_probable_first(np.asarray(read_metadata(folder)["serving"]["prior"], dtype=np.float32))
    return lambda inputs: {"category": answer}  # noqa: ARG005


def random_labels(folder: Path, port: str, field: str) -> Work:
    """A classifier's random replacement: a distribution drawn at random, seeded by what the request carries in `field` of `port`."""
    labels = len(read_metadata(folder)["serving"]["prior"])

    def guess(inputs: Values) -> Values:
        rng = random_generator(port, inputs[port][field])
        return {"category": most_probable_first(rng.dirichlet(np.ones(labels)).astype(np.float32))}

    return guess


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """(labels,) → (labels,) summing to 1."""
    shifted = np.exp(logits - logits.max())
    probability: NDArray[Any] = shifted / shifted.sum()
    return probability


def random_generator(*parts: object) -> np.random.Generator:
    """A generator seeded by the request alone, so that the same request gets the same random answer from every replica."""
    return np.random.default_rng(zlib.crc32(repr(parts).encode()))
