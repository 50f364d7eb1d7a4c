"""A trained network as safetensors and ONNX; the ONNX is compared with torch on real inputs before anyone stores it."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from safetensors.torch import save

from aibenchrt.train.trained import Trained, predict

TOLERANCE = 1e-3  # of a logit, absolute and relative: float32 sums in another order


def export(trained: Trained) -> dict[str, bytes]:
    """model.safetensors and model.onnx. AssertionError: ONNX disagrees with torch."""
    network = trained.network.eval()
    weights = {name: value.detach().contiguous().clone() for name, value in network.state_dict().items()}
    content = to_onnx(trained)
    worst = difference(trained, content)
    if worst > 1.0:
        raise AssertionError(f"the exported ONNX model differs from torch by {worst:.1f} times the tolerance")
    return {"model.safetensors": save(weights), "model.onnx": content}


def to_onnx(trained: Trained) -> bytes:
    """The batch is dynamic, and the length of a bag of ids."""
    dynamic = {}
    for name, example in trained.inputs.items():
        dynamic[name] = {0: torch.export.Dim.DYNAMIC}
        if name == "ids" and example.ndim == 2:  # a bag has any length
            dynamic[name][1] = torch.export.Dim.DYNAMIC
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's exporter about its own internals
            program = torch.onnx.export(
                trained.network,
                tuple(trained.inputs.values()),
                dynamo=True,
                input_names=list(trained.inputs),
                output_names=[trained.output],
                dynamic_shapes=tuple(dynamic.values()),
                verbose=False,
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    assert program is not None
    model = program.model_proto
    return _without_traces(model)


def difference(trained: Trained, content: bytes) -> float:
    """The largest difference between ONNX Runtime and torch on the real inputs, in units of the tolerance."""
    expected = predict(trained.network, *trained.inputs.values()).numpy()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run([trained.output], {name: value.numpy() for name, value in trained.inputs.items()})
    return float(np.max(np.abs(found - expected) / (TOLERANCE + TOLERANCE * np.abs(expected))))


def _without_traces(model: Any) -> bytes:
    """Source lines and paths that the exporter notes are of no use to anyone who serves, and differ between machines."""
    del model.metadata_props[:]
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    del model.graph.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
    out = io.BytesIO()
    onnx.save_model(model, out)
    return out.getvalue()
