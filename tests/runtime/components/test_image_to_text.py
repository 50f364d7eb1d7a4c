"""image_to_text: words as numbers, decoding, simple captions, the networks, what is served of which pictures, and that it learns."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aibenchrt.catalog import component
from aibenchrt.components.image_to_text import model, serve
from aibenchrt.components.image_to_text import train as training
from aibenchrt.components.image_to_text.decoding import Array, Step, greedy
from aibenchrt.components.image_to_text.template import OTHERWISE, caption, captions_by_colour, colour_of
from aibenchrt.components.image_to_text.words import BEGIN, END, SPECIAL, Vocabulary, vocabulary_of
from aibenchrt.datasets.furniture_pictures.dataset import WORLDS
from aibenchrt.datasets.furniture_pictures.world import FurnitureWorld
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.metrics import score_each
from aibenchrt.serve import pictures
from aibenchrt.train.events import untold
from aibenchrt.train.export import difference, to_onnx
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.values import Work
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError
from torch import nn

pytestmark = pytest.mark.timeout(900)  # on a machine without caches a model is trained first

SIDE = serve.SIDE
OPENERS = (serve.open_work, serve.open_baseline, serve.open_random)
TEXTS = ("a red chair", "an orange lamp", "a white metal chair")


@pytest.fixture(scope="module")
def world() -> FurnitureWorld:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def trained(world: FurnitureWorld) -> ModelVersion:
    return train_task("image_to_text", "show_and_tell_small", world, size="tiny")


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def said(work: Work, png: bytes) -> str:
    values = work({"image": {"png": png}})
    assert values["caption"] == values["text"], "what is shown is not what is worked on"
    text: str = values["caption"]["text"]
    return text


# Words and decoding.


@given(st.lists(st.sampled_from(["a", "an", "red", "chair", "lamp"]), max_size=9))
def test_numbers_give_the_words_back(words: list[str]) -> None:
    vocabulary = Vocabulary(["a", "an", "chair", "lamp", "red"])
    numbers = vocabulary.encode(" ".join(words))
    assert numbers[-1] == END
    assert vocabulary.decode([*numbers, 4, 4]) == " ".join(words), "what follows the end was said"
    assert len(numbers) == len(words) + 1


def test_a_vocabulary_has_every_word_once_and_no_other() -> None:
    vocabulary = vocabulary_of(TEXTS)
    assert vocabulary.words == ("a", "an", "chair", "lamp", "metal", "orange", "red", "white")
    assert len(vocabulary) == 8 + len(SPECIAL)
    with pytest.raises(KeyError):
        vocabulary.encode("a green chair")


def scripted(script: Mapping[int, list[int]], words: int = 9) -> tuple[Any, Step, list[tuple[int, float]]]:
    """Row → what it says; hidden counts the steps. met: last word and hidden of row 0 at each step."""
    met: list[tuple[int, float]] = []

    def see(shown: Array) -> tuple[Array, Array]:
        return np.zeros((len(shown), 1)), np.zeros((len(shown), 1))

    def step(word: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        met.append((int(word[0]), float(hidden[0, 0])))
        place = int(hidden[0, 0])
        scores = np.zeros((len(word), words))
        for row, own in script.items():
            scores[row, own[min(place, len(own) - 1)]] = 1.0
            scores[row, BEGIN] = 2.0  # never said
        return scores, hidden + 1, cell

    return see, step, met


def test_decoding_carries_the_state_and_stops_where_each_caption_ends() -> None:
    see, step, met = scripted({0: [4, 5, END, 7], 1: [6, END, 8, 8]})
    assert greedy(see, step, np.zeros((2, 3)), 10).tolist() == [[4, 5], [6, END]]
    assert met == [(BEGIN, 0), (4, 1), (5, 2)]


def test_decoding_ends_even_if_no_caption_does() -> None:
    see, step, _ = scripted({0: [4]})
    assert greedy(see, step, np.zeros((1, 3)), 6).tolist() == [[4] * 6]
    see, step, _ = scripted({0: [END]})
    assert greedy(see, step, np.zeros((1, 3)), 6).shape == (1, 0)


def test_what_is_given_is_what_was_to_be_said_before() -> None:
    vocabulary = vocabulary_of(TEXTS)
    taken, wanted = training._words(TEXTS[1:], vocabulary)
    assert taken[1].tolist() == [BEGIN, *vocabulary.encode(TEXTS[2])[:-1]]
    assert wanted[1].tolist() == vocabulary.encode(TEXTS[2])
    assert wanted[0].tolist() == [*vocabulary.encode(TEXTS[1]), training.UNSEEN]


def test_the_loss_is_that_of_the_words_in_order_and_of_which_there_are() -> None:
    vocabulary = vocabulary_of(TEXTS)
    _, wanted = training._words(TEXTS[1:], vocabulary)
    scores, has = torch.zeros(2, 5, len(vocabulary)), torch.zeros(2, len(vocabulary))
    scores[0, 4] = torch.arange(len(vocabulary))  # behind the end of a caption nothing counts
    whole = np.log(len(vocabulary)) + training.WORDS * len(vocabulary) * np.log(2)
    assert float(training.loss_of(scores, has, wanted)) == pytest.approx(whole, rel=1e-5)
    has[:, vocabulary.encode("metal")[0]] = 30.0  # right of one of the two captions, and as wrong of the other
    more = whole + training.WORDS * (30 / 2 - np.log(2))
    assert float(training.loss_of(scores, has, wanted)) == pytest.approx(more, rel=1e-4)


# Simple captions.


def test_the_simple_caption_of_a_colour_is_the_one_that_agrees_most() -> None:
    def same_words(reference: str, text: str) -> float:
        return len(set(reference.split()) & set(text.split()))

    texts = ["a red chair", "a red lamp", "a red metal lamp", "a blue sofa", "a blue sofa"]
    captions = captions_by_colour(["1", "1", "1", "2", "2"], texts, same_words)
    assert captions == {"1": "a red metal lamp", "2": "a blue sofa", OTHERWISE: captions[OTHERWISE]}
    red, blue = (np.full((SIDE, SIDE, 3), level, dtype=np.uint8) for level in ((250, 0, 0), (0, 0, 250)))
    framed = red.copy()
    framed[:12] = framed[-12:] = blue[:12]
    assert colour_of(framed) == colour_of(red) != colour_of(blue)
    assert caption(red, {colour_of(red): "a red lamp", OTHERWISE: "a chair"}) == "a red lamp"
    assert caption(blue, {colour_of(red): "a red lamp", OTHERWISE: "a chair"}) == "a chair"


# Networks.


def test_the_full_model_sees_with_vit_b_16_and_says_it_with_the_papers_lstm() -> None:
    """Dosovitskiy et al. 2021, table 1: 86 M, as released 86,567,656 with 1,000 classes. Vinyals et al. 2015, section 4.3.1: 512 units."""
    with torch.device("meta"):
        network = model.build("vit_lstm", 40)
    vit = network.trunk
    assert isinstance(vit, model.Vit)
    whole = sum(p.numel() for p in vit.parameters())
    assert whole + 768 * 1000 + 1000 == 86_567_656
    assert abs(whole / 86e6 - 1) < 0.02
    linear = [(layer.in_features, layer.out_features) for layer in vit.modules() if isinstance(layer, nn.Linear)]
    assert linear == [(768, 2304), (768, 768), (768, 3072), (3072, 768)] * 12
    assert {layer.heads for layer in vit.layers} == {12}
    assert (vit.patches.kernel_size, vit.patches.stride, tuple(vit.place.shape)) == ((16, 16), (16, 16), (1, 197, 768))
    assert (network.lstm.input_size, network.lstm.hidden_size) == (512, 512)


def test_every_model_of_the_catalogue_can_be_built() -> None:
    spec = component("image_to_text")
    assert spec is not None
    assert {declared.name for declared in spec.models} == set(model.MODELS)


@torch.no_grad()
def test_the_picture_is_seen_once_and_every_word_depends_on_those_before() -> None:
    torch.manual_seed(1)
    network = model.build("show_and_tell_small", 9).eval()
    shown, words = torch.rand(2, 3, SIDE, SIDE), torch.tensor([[BEGIN, 4, 5], [BEGIN, 4, 6]])
    at_once = network(network.features(shown), words)
    hidden, cell = model.See(network)(shown)
    for place in range(3):
        scores, hidden, cell = network.step(words[:, place], hidden, cell)
        torch.testing.assert_close(scores, at_once[:, place])
    same = network(network.features(shown[:1].expand(2, -1, -1, -1)), words)
    torch.testing.assert_close(same[0, :2], same[1, :2])
    assert not torch.allclose(same[0, 2], same[1, 2], atol=1e-4)
    assert not torch.allclose(at_once[0, 0], at_once[1, 0], atol=1e-6), "what is seen changes nothing"


SMALLER = {"vit_lstm": model.CaptionerNumbers(model.VitNumbers(2, 768, 3072, 12), 512, 0.0)}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if name in SMALLER else []) for name in model.MODELS])
def test_a_training_step_changes_every_weight_and_lowers_the_loss(name: str, world: FurnitureWorld) -> None:
    """Real widths, of the transformer two layers, so that CI bears it; without dropout, so that the losses compare."""
    torch.manual_seed(3)
    shown = training._pictures(world.captioned("train")[:6])
    vocabulary = vocabulary_of(shown.texts)
    numbers = SMALLER.get(name) or dataclasses.replace(model.MODELS[name](), dropout=0.0)
    network = model.Captioner(numbers, len(vocabulary)).train()
    taken, wanted = training._words(shown.texts, vocabulary)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)

    def loss() -> torch.Tensor:
        features = network.features(shown.pixels())
        return training.loss_of(network(features, taken), network.has(features), wanted)

    before = {key: value.clone() for key, value in network.named_parameters()}
    first = loss()
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(loss().detach()) < float(first.detach())
    assert [key for key, value in network.named_parameters() if torch.equal(value, before[key])] == []
    for made in training.graphs(network.eval(), shown).values():
        assert difference(made, to_onnx(made)) <= 1.0


def test_the_same_seed_gives_the_same_network(world: FurnitureWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, ("tiny", "show_and_tell_small"), training.Effort(1, 1e-3, 16, 64))
    first, again, other = (training.train(world, "show_and_tell_small", seed, "tiny", untold) for seed in (3, 3, 4))
    weights = [trained.graphs["step"].network.state_dict()["captioner.out.weight"] for trained in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert weights[0].shape != weights[2].shape or not torch.equal(weights[0], weights[2])
    assert first.metrics == again.metrics


# Serving.


def test_what_is_served_agrees_as_training_measured_and_better_than_chance_and_the_same_caption_for_all(
    world: FurnitureWorld, trained: ModelVersion
) -> None:
    held_out = world.captioned("test")
    works = [opener(trained.folder, {}) for opener in OPENERS]
    served, simple, drawn = (
        float(score_each("chrf", [picture.text for picture in held_out], [(said(work, picture.png),) for picture in held_out]).mean())
        for work in works
    )
    metadata = trained.metadata
    assert served == pytest.approx(metadata["metrics"]["chrf"]["value"], abs=0.01)
    assert simple == pytest.approx(metadata["baselines"]["template"]["chrf"]["value"], abs=0.001)
    assert metadata["gains"]["chrf over most central caption"]["low"] > 0
    assert drawn < min(simple, served)


@pytest.mark.parametrize("opener", OPENERS)
def test_the_same_picture_gets_the_same_caption_of_known_words(opener: Any, world: FurnitureWorld, trained: ModelVersion) -> None:
    work = opener(trained.folder, {})
    some = world.captioned("test")[:40]
    texts = [said(work, picture.png) for picture in some]
    again = opener(trained.folder, {})
    assert texts == [said(again, picture.png) for picture in some]
    assert len(set(texts)) > 3
    known = set(trained.metadata["serving"]["words"])
    assert all(text and set(text.split()) <= known for text in texts)


@pytest.mark.parametrize("opener", OPENERS[:2])
def test_pictures_of_any_size_and_mode_have_a_caption(opener: Any, world: FurnitureWorld, trained: ModelVersion) -> None:
    work = opener(trained.folder, {})
    with Image.open(io.BytesIO(world.captioned("test")[0].png)) as opened:
        image = opened.convert("RGB")
    assert said(work, encoded(image.convert("RGBA"))) == said(work, encoded(image))
    for odd in (image.convert("L"), Image.new("I;16", (5, 300)), Image.new("RGB", (1, 1)), image.resize((300, 20)), image.quantize(16)):
        assert said(work, encoded(odd))


@pytest.mark.parametrize("opener", OPENERS[:2])
def test_what_is_no_picture_is_refused(opener: Any, world: FurnitureWorld, trained: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    work = opener(trained.folder, {})
    png = world.captioned("test")[0].png
    for wrong in (b"", b"no picture", encoded(Image.new("RGB", (8, 8)), "JPEG")):
        with pytest.raises(UnidentifiedImageError):
            said(work, wrong)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(ValueError, match="too large"):
        said(work, png)


def test_half_a_model_is_not_opened(trained: ModelVersion, tmp_path: Path) -> None:
    for name in ("metadata.json", "see.onnx"):
        (tmp_path / name).write_bytes((trained.folder / name).read_bytes())
    with pytest.raises(EnvironmentFailure, match="AIB603"):
        serve.open_work(tmp_path, {})
