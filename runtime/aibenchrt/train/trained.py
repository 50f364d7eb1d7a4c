"""What a component's train.py returns, and helpers that it may use. Imports torch, so it must never be imported for serving."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aibenchrt.train.measure import Measurement

THREADS = 2


@dataclass(frozen=True)
class Graph:
    """A network that is exported as one ONNX file. network: on the CPU, in evaluation mode; it returns one tensor, or a tuple in the order
    of `outputs`.

    inputs: ONNX input name → real held-out input, in the order of forward's arguments, on which ONNX is compared with torch. The first
    dimension is the batch (at least 2), which is dynamic. lengths: ONNX input name → its other dynamic axes (size at least 2 in
    the example). others: further inputs, with other batch sizes and lengths, on which they are also compared.
    """

    network: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    lengths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    others: Sequence[Mapping[str, Tensor]] = ()


@dataclass(frozen=True)
class Trained:
    """The graphs of a trained model, what serve.py has to know about them, and their quality.

    graphs: name → graph, stored as <name>.onnx; "model" if there is only one. They may share networks and weights.
    metrics: by `protocol`, on held-out data that was not used to choose anything. baselines: name → metric → measurement, on the same
    trials. gains: paired differences from a baseline, trial by trial. only_for_comparison: figures by another protocol, which it describes.
    """

    graphs: Mapping[str, Graph]
    serving: Mapping[str, Any]
    protocol: str
    metrics: Mapping[str, Measurement]
    baselines: Mapping[str, Mapping[str, Measurement]]
    epochs: int
    gains: Mapping[str, Measurement] = field(default_factory=dict)
    only_for_comparison: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def reproducible(seed: int, threads: int = THREADS, device: str = "cpu") -> Iterator[torch.Generator]:
    """A context in which torch is seeded, deterministic and uses this number of threads; yields a CPU generator for shuffling. Restores all
    settings afterwards.

    Small models train faster on one thread: on a busy machine two threads wait for each other at every step. On a GPU, operations that
    have no deterministic implementation in torch (the gradient of max pooling) are allowed; nothing is computed in TF32 there, so that the
    measured quality is that of float32, as in serving.
    """
    before, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    tf32, workspace = torch.backends.cudnn.allow_tf32, os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if device != "cpu" else []), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation", category=UserWarning)
        if device != "cpu":
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read at the first call; without it, the sums of cuBLAS are not reproducible
            torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(seed)  # seeds every GPU as well
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=device != "cpu")
        try:
            yield torch.Generator().manual_seed(seed)
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(before)
            torch.backends.cudnn.allow_tf32 = tf32
            if workspace is None:
                os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
            else:
                os.environ["CUBLAS_WORKSPACE_CONFIG"] = workspace


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row indices of one epoch in random order; a last batch of one row is dropped (batch norm cannot take it)."""
    for rows in torch.split(torch.randperm(count, generator=generator), size):
        if len(rows) > 1:
            yield rows


@torch.no_grad()
def predict(network: nn.Module, *inputs: Tensor, size: int = 512) -> Tensor:
    """The network's outputs over the rows of `inputs`, in evaluation mode, computed on the network's device and returned on the CPU."""
    network.eval()
    device = device_of(network)
    pieces = [network(*(x[start : start + size].to(device) for x in inputs)).cpu() for start in range(0, len(inputs[0]), size)]
    return torch.cat(pieces)


def device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def label_shares(labels: Any, count: int) -> list[float]:
    shares = np.bincount(np.asarray(labels), minlength=count) / len(labels)
    return [round(float(value), 6) for value in shares]
