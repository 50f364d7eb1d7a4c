"""A model of several graphs that share weights: one file each, every weight once, any length, and opened by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.serve.models import open_session
from aibenchrt.train.export import difference, export, parameters
from aibenchrt.train.repository import Key, open_version, store
from aibenchrt.train.trained import Graph, Trained
from safetensors.torch import load
from torch import Tensor, nn

WORDS, WIDTH = 30, 8


class Encoder(nn.Module):
    """(batch, n) ids → states (batch, n, width) and their mean (batch, width)."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.table, self.mix = table, nn.Linear(WIDTH, WIDTH)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        states = torch.tanh(self.mix(self.table(ids)))
        return states, states.mean(dim=1)


class Decoder(nn.Module):
    """states (batch, n, width), (batch,) last ids → logits (batch, words), by the encoder's own table."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.table = table

    def forward(self, states: Tensor, last: Tensor) -> Tensor:
        query = self.table(last).unsqueeze(1)
        weight = torch.softmax((query * states).sum(dim=-1, keepdim=True), dim=1)
        return (weight * states).sum(dim=1) @ self.table.weight.T


def graphs() -> dict[str, Graph]:
    torch.manual_seed(3)
    table = nn.Embedding(WORDS, WIDTH)
    encoder, decoder = Encoder(table).eval(), Decoder(table).eval()

    def ids(batch: int, length: int) -> Tensor:
        return torch.arange(batch * length).reshape(batch, length) % WORDS

    def states(batch: int, length: int) -> dict[str, Tensor]:
        return {"states": encoder(ids(batch, length))[0].detach(), "last": ids(batch, 1)[:, 0]}

    return {
        "encoder": Graph(encoder, {"ids": ids(3, 5)}, ("states", "mean"), {"ids": (1,)}, ({"ids": ids(1, 9)}, {"ids": ids(4, 1)})),
        "decoder": Graph(decoder, states(3, 5), ("logits",), {"states": (1,)}, (states(1, 11),)),
    }


def test_each_graph_is_a_file_and_what_they_share_is_there_once(tmp_path: Path) -> None:
    made = graphs()
    files = export(Trained(made, {}, "", {}, {}, 1))
    assert set(files) == {"model.safetensors", "encoder.onnx", "decoder.onnx"}
    assert parameters(made) == WORDS * WIDTH + WIDTH * WIDTH + WIDTH
    assert set(load(files["model.safetensors"])) == {"encoder.table.weight", "encoder.mix.weight", "encoder.mix.bias"}
    key = Key("text_translation", "two", "0" * 64, "tiny", 7, "", "code")
    version = store(key, files, {"serving": {}}, models=tmp_path)
    ids = np.array([[4, 8, 15, 16, 23, 29, 2]])
    states, mean = open_session(version.folder, "encoder").run(["states", "mean"], {"ids": ids})
    assert (states.shape, mean.shape) == ((1, 7, WIDTH), (1, WIDTH))
    (logits,) = open_session(version.folder, "decoder").run(["logits"], {"states": states, "last": np.array([3])})
    expected = made["decoder"].network(torch.from_numpy(states), torch.tensor([3])).detach().numpy()
    assert logits == pytest.approx(expected, abs=1e-5)
    for name, damage in (("model", "has no model.onnx"), ("encoder", "corrupted: encoder.onnx")):
        if name == "encoder":
            (version.folder / "encoder.onnx").write_bytes(files["decoder.onnx"])
        with pytest.raises(EnvironmentFailure, match="AIB603") as caught:
            open_session(version.folder, name)
        assert damage in caught.value.message
    with pytest.raises(EnvironmentFailure, match="AIB603"):
        open_version(version.folder)


def test_an_output_that_differs_only_at_another_length_is_seen() -> None:
    encoder = graphs()["encoder"]
    content = export(Trained({"model": encoder}, {}, "", {}, {}, 1))["model.onnx"]
    assert difference(encoder, content) <= 1.0

    class Longer(nn.Module):
        def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
            states, mean = encoder.network(ids)
            return states, mean + (0.5 if ids.shape[1] > 8 else 0.0)

    assert difference(replace(encoder, network=Longer(), others=()), content) <= 1.0
    assert difference(replace(encoder, network=Longer()), content) > 1.0
