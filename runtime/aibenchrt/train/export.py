"""Exports a trained model's graphs as safetensors and ONNX; the ONNX is compared with torch on real inputs before it is stored."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from safetensors.torch import save
from torch import Tensor, nn

from aibenchrt.train.trained import Graph, Trained

TOLERANCE = 1e-3  # absolute and relative, for logits: float32 sums may be computed in a different order


def export(trained: Trained) -> dict[str, bytes]:
    """model.safetensors and one .onnx file for each graph. AssertionError: ONNX disagrees with torch."""
    files = {"model.safetensors": save(weights(trained.graphs))}
    for name, graph in trained.graphs.items():
        content = to_onnx(graph)
        worst = difference(graph, content)
        if worst > 1.0:
            raise AssertionError(f"the exported ONNX graph '{name}' differs from torch by {worst:.1f} times the tolerance")
        files[f"{name}.onnx"] = content
    return files


def weights(graphs: Mapping[str, Graph]) -> dict[str, Tensor]:
    """Name → weight, each weight once. With several graphs, the name is '<graph>.<weight>', after the first graph that has it."""
    tensors: dict[str, Tensor] = {}
    seen = set()
    for name, graph in graphs.items():
        for weight, value in graph.network.state_dict(keep_vars=True).items():
            if id(value) not in seen:
                seen.add(id(value))
                tensors[weight if len(graphs) == 1 else f"{name}.{weight}"] = value.detach().contiguous().clone()
    return tensors


def parameters(graphs: Mapping[str, Graph]) -> int:
    """The number of trained parameters; those shared by several graphs are counted once."""
    return sum(p.numel() for p in {id(p): p for graph in graphs.values() for p in graph.network.parameters()}.values())


def to_onnx(graph: Graph) -> bytes:
    """The graph as an ONNX file, in which the batch dimension and the dimensions in `Graph.lengths` are dynamic."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporters warn about their own internals
            recurrent = any(isinstance(module, nn.RNNBase) for module in graph.network.modules())
            model = _traced(graph) if recurrent else _exported(graph)
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    return _without_traces(model)


def _exported(graph: Graph) -> Any:
    dynamic = {
        name: dict.fromkeys((0, *graph.lengths.get(name, ())), torch.export.Dim.DYNAMIC) if example.ndim else None
        for name, example in graph.inputs.items()
    }
    program = torch.onnx.export(
        graph.network.eval(),
        tuple(graph.inputs.values()),
        dynamo=True,
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        dynamic_shapes=tuple(dynamic.values()),
        verbose=False,
    )
    assert program is not None
    return program.model_proto


def _traced(graph: Graph) -> Any:
    """Exports by tracing: the other exporter unrolls recurrent layers, so that their lengths could not be dynamic."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as out:
        torch.onnx.export(
            graph.network.eval(),
            tuple(graph.inputs.values()),
            out.name,
            dynamo=False,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: [0, *graph.lengths.get(name, ())] for name in graph.inputs},
        )
        model = onnx.load(out.name)
    for output in model.graph.output:  # tracing has fixed the shapes to those of the example
        output.type.tensor_type.ClearField("shape")
    return model


@torch.no_grad()
def difference(graph: Graph, content: bytes) -> float:
    """The largest difference between the outputs of ONNX Runtime and torch on the real inputs, in units of the tolerance."""
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    network = graph.network.eval()
    worst = 0.0
    for inputs in (graph.inputs, *graph.others):
        given = network(*inputs.values())
        expected = [value.numpy() for value in (given if isinstance(given, tuple) else (given,))]
        outputs = session.run(list(graph.outputs), {name: value.numpy() for name, value in inputs.items()})
        for output, other in zip(outputs, expected, strict=True):
            assert output.shape == other.shape, f"ONNX gives {output.shape}, torch {other.shape}"
            worst = max(worst, float(np.max(np.abs(output - other) / (TOLERANCE + TOLERANCE * np.abs(other)), initial=0.0)))
    return worst


def _without_traces(model: Any) -> bytes:
    """Removes the source lines and paths that the exporter records: serving does not need them, and they differ between machines."""
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
