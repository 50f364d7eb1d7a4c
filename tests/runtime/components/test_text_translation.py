"""text_translation: subwords, the published shape, a cache that changes nothing, ONNX as torch, a model that beats copying."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from aibenchrt.components.text_translation import serve
from aibenchrt.components.text_translation import train as training
from aibenchrt.components.text_translation.decoding import Array, greedy, padded
from aibenchrt.components.text_translation.decoding import Step as Decode
from aibenchrt.components.text_translation.model import MODELS, DecoderStep, Encode, Transformer, sinusoids, transformer_base
from aibenchrt.components.text_translation.vocabulary import BEGIN, END, PADDING, SPECIAL, UNKNOWN, Vocabulary, learn, pieces
from aibenchrt.datasets.translation import dataset as translation
from aibenchrt.datasets.translation.world import TranslationWorld
from aibenchrt.metrics import score_each
from aibenchrt.train.export import difference, to_onnx
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from hypothesis import given
from hypothesis import strategies as st

TEXTS = ("le chat noir dort", "le chien noir dort", "le chat blanc mange", "un chat, un chien : 12 !", "l'été à la mer")


@pytest.fixture(scope="module")
def world() -> TranslationWorld:
    return translation.WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def version(world: TranslationWorld) -> ModelVersion:
    return train_task("text_translation", "transformer_small", world, size="tiny")


@pytest.mark.parametrize("text", TEXTS)
def test_subwords_give_the_text_back(text: str) -> None:
    vocabulary = learn(TEXTS * 3, 60)
    assert len(vocabulary) <= 60
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert Vocabulary(vocabulary.symbols, vocabulary.merges).encode(text) == vocabulary.encode(text)


def test_frequent_pairs_become_one_symbol() -> None:
    vocabulary = learn(["aaab aaab aaab cd cd"], 100)
    assert vocabulary.encode("aaab") == [vocabulary.symbols.index("▁aaab")]
    assert vocabulary.symbols[: len(SPECIAL)] == SPECIAL
    assert vocabulary.merges[0] == ("a", "a")
    assert learn(["aaab aaab aaab cd cd"], 8).merges == ()  # special symbols and characters fill it
    assert UNKNOWN in vocabulary.encode("zebra")


@given(st.text(max_size=40))
def test_pieces_lose_nothing_but_blanks(text: str) -> None:
    import unicodedata

    whole = " ".join(unicodedata.normalize("NFC", text).split())
    assert "".join(pieces(text)).replace("▁", " ").split() == whole.replace("▁", " ").split()


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_full_model_is_the_published_one() -> None:
    """Vaswani et al. 2017, table 3, row "base": N 6, d_model 512, d_ff 2048, h 8, P_drop 0.1; 65 million parameters."""
    numbers = transformer_base()
    assert (numbers.encoder, numbers.decoder, numbers.width, numbers.hidden, numbers.heads, numbers.dropout) == (6, 6, 512, 2048, 8, 0.1)
    assert not numbers.norm_first
    with torch.device("meta"):
        network = Transformer(numbers, numbers.vocabulary)
        smaller = Transformer(numbers, 37_000)
    attention, feed, norm = 4 * (512 * 512 + 512), 2 * 512 * 2048 + 2048 + 512, 2 * 512
    for layer in network.encoder:
        assert count(layer) == attention + feed + 2 * norm
    for layer in network.decoder:
        assert count(layer) == 2 * attention + feed + 3 * norm
    assert count(network) == 40_000 * 512 + 6 * (3 * attention + 2 * feed + 5 * norm)
    assert count(network) == pytest.approx(65e6, rel=0.02)
    assert count(smaller) == pytest.approx(63.1e6, rel=0.001)


def test_positions_are_those_of_the_paper() -> None:
    """Section 3.5: PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i+1) the cosine."""
    table = sinusoids(20, 8).numpy()
    for position in (0, 3, 19):
        for i in range(4):
            angle = position / 10_000 ** (2 * i / 8)
            assert table[position, 2 * i : 2 * i + 2] == pytest.approx([np.sin(angle), np.cos(angle)], abs=1e-5)


@pytest.mark.parametrize("model", list(MODELS))
def test_a_cache_changes_nothing(model: str) -> None:
    """Step by step as all at once, for sentences of different lengths in one batch."""
    torch.manual_seed(1)
    numbers = dataclasses.replace(MODELS[model](), width=32, hidden=64, heads=4)
    network = Transformer(numbers, 50).eval()
    source = torch.tensor([[5, 6, 7, 8, END], [9, 10, END, PADDING, PADDING]])
    target = torch.tensor([[BEGIN, 11, 12, 13], [BEGIN, 14, 15, 16]])
    with torch.no_grad():
        at_once = network(source, target)
        keys, values = Encode(network)(source)
        so_far = (torch.zeros(2, numbers.decoder, 4, 0, 8),) * 2
        for place in range(4):
            logits, *so_far = DecoderStep(network)(source, keys, values, target[:, place : place + 1], torch.full((2, 1), place), *so_far)
            torch.testing.assert_close(logits, at_once[:, place], atol=1e-4, rtol=1e-4)
        alone = network(source[1:, :3], target[1:])
    torch.testing.assert_close(alone, at_once[1:], atol=1e-4, rtol=1e-4)  # what is padding is not looked at


@pytest.mark.long
def test_the_full_model_takes_a_training_step_and_is_exported() -> None:
    """A step of Adam lowers its batch's loss; ONNX agrees with torch on real sentences. Real widths, two layers, so that CI bears it."""
    world = translation.WORLDS.load("synthetic").pairs("test")
    vocabulary = learn((*world.source, *world.target), 300)
    numbers = dataclasses.replace(transformer_base(), encoder=2, decoder=2)
    torch.manual_seed(1)
    network = Transformer(numbers, len(vocabulary))
    examples = training._examples(world, vocabulary, np.random.default_rng(1))[:8]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.98))
    network.eval()  # without dropout, so that the two losses compare
    forms = np.zeros(8, dtype=np.int64)
    before = training._loss(network, examples, forms, training.SMOOTHING)
    before.backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    optimizer.step()
    with torch.no_grad():
        assert float(training._loss(network, examples, forms, training.SMOOTHING)) < float(before)
    for graph in training._graphs(network, vocabulary, world.source).values():
        assert difference(graph, to_onnx(graph)) <= 1.0


def test_decoding_ends() -> None:
    """A model that never writes END is stopped, and one that writes END at once translates to nothing."""

    def encode(source: Array) -> tuple[Array, Array]:
        return (np.zeros((len(source), 1, 1, source.shape[1], 2)),) * 2

    def saying(token: int) -> Decode:
        def step(*inputs: Array) -> tuple[Array, Array, Array]:
            logits = np.zeros((len(inputs[0]), 10))
            logits[:, [token, PADDING]] = (5.0, 9.0)  # padding is never written
            return logits, inputs[5], inputs[6]

        return step

    assert greedy(encode, saying(7), [[4], [5, 6]], 3) == [[7, 7, 7]] * 2
    assert greedy(encode, saying(END), [[4]], 3) == [[]]
    assert padded([[1], [2, 3]]).tolist() == [[1, PADDING], [2, 3]]


@pytest.mark.long
def test_the_model_beats_copying(version: ModelVersion) -> None:
    metadata = version.metadata
    for metric in ("chrf", "bleu"):
        gain = metadata["gains"][f"{metric} over copying"]
        assert gain["low"] > 0
        assert metadata["metrics"][metric]["value"] > metadata["baselines"]["copying"][metric]["value"] + 0.1


@pytest.mark.long
def test_served_as_measured(version: ModelVersion, world: TranslationWorld) -> None:
    """One sentence at a time in ONNX Runtime: as good as training measured in batches in torch."""
    translate = serve.open_work(version.folder, {})
    pairs = world.pairs("test")
    translations = [str(translate({"text": {"text": source}})["translation"]["text"]) for source in pairs.source[:60]]
    scores = score_each("chrf", pairs.target[:60], [(text,) for text in translations])
    assert scores.mean() == pytest.approx(version.metadata["metrics"]["chrf"]["value"], abs=0.1)
    assert translate({"text": {"text": "  "}}) == {"translation": {"text": ""}}
    assert isinstance(translate({"text": {"text": "漢" * 5000}})["translation"]["text"], str)


@pytest.mark.long
def test_stand_ins(version: ModelVersion) -> None:
    text = {"text": {"text": "le chat noir dort"}}
    assert serve.open_baseline(version.folder, {})(text) == {"translation": {"text": "le chat noir dort"}}
    guess = serve.open_random(version.folder, {})
    assert guess(text) == guess(text) != guess({"text": {"text": "le chat blanc dort"}})
    assert len(str(guess(text)["translation"]["text"]).split()) == 4


@pytest.mark.long
def test_training_is_repeatable(world: TranslationWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, "tiny", training.Effort(1, 4e-3, 500, 200, 20, 200))
    versions = []
    for home in ("one", "two"):
        monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / home))
        versions.append(train_task("text_translation", "transformer_small", world, size="tiny", seed=3).version)
    assert versions[0] == versions[1]
