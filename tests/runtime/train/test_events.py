"""What trainings tell while they run, of every component that trains; and what is made of it: progress texts and time to a target."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from aibenchrt.catalog import COMPONENTS
from aibenchrt.catalog import component as component_spec
from aibenchrt.component import PORT_TYPES, ComponentSpec
from aibenchrt.components.image_classification.train import Effort as PhotoEffort
from aibenchrt.components.text_translation.train import Effort as TranslationEffort
from aibenchrt.datasets.arcade import dataset as arcade
from aibenchrt.datasets.clips import dataset as clips
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.furniture_pictures import dataset as furniture
from aibenchrt.datasets.movielens_shop import dataset as shop
from aibenchrt.datasets.sources.synthetic_speech import speak
from aibenchrt.datasets.sources.tuxpaint_stamps import Utterance
from aibenchrt.datasets.text_lines import Line, picture
from aibenchrt.datasets.translation.parallel import Pairs
from aibenchrt.experiments.component.training import Listener, TrainingTarget, curve, declared_metric
from aibenchrt.metrics import lower_is_better
from aibenchrt.metrics import metric as metric_of
from aibenchrt.train.events import Batches, Begun, Epoch, Event, SideWork
from aibenchrt.train.progress_text import rendered
from aibenchrt.train.recognition import Effort as RecognitionEffort
from aibenchrt.train.samples import Sample, Samples
from aibenchrt.train.trained import Trained
from changed_scenes import ChangedScenes
from coloured_things import ColouredThings
from tiny_faces import TinyFaces

pytestmark = pytest.mark.timeout(900)
WORDS = ("chat", "roi", "mur", "mer", "rue", "cri")


@dataclass(frozen=True)
class Turned:
    png: bytes
    item_id: int
    label: int
    degrees: float


@dataclass(frozen=True)
class Article:
    text: str
    summary: str


class FewTexts:
    """A few utterances, pictures, articles and sentence pairs made of WORDS, and pictures that are turned."""

    categories = WORDS

    def _texts(self, split: str) -> list[str]:
        rng = np.random.default_rng(len(split))
        return [" ".join(rng.permutation(WORDS)[:3].tolist()) for _ in range({"train": 16}.get(split, 6))]

    def utterances(self, split: str) -> list[Utterance]:
        return [Utterance(speak(text, np.random.default_rng(1)), text) for text in self._texts(split)]

    def lines(self, split: str) -> list[Line]:
        return [Line(picture(text, np.random.default_rng(2), "synthetic"), text) for text in self._texts(split)]

    def turned(self, split: str) -> list[Turned]:
        rng = np.random.default_rng(len(split))
        pictures = rng.integers(0, 256, (16 if split == "train" else 4, 64, 64, 3)).astype(np.uint8)
        return [Turned(colour_png(shown), row // 2, row % len(WORDS), 10.0 * (row % 9) - 40.0) for row, shown in enumerate(pictures)]

    def articles(self, split: str) -> Sequence[Article]:
        return [Article(f"{text} and so on and so forth", text) for text in self._texts(split)]

    def pairs(self, split: str) -> Pairs:
        texts = tuple(self._texts(split))
        return Pairs(texts, tuple(text.upper() for text in texts))


class FewPictures:
    """Every tenth photo of the synthetic furniture of a split, and half of its catalogue."""

    def __init__(self) -> None:
        self._whole = furniture.WORLDS.load("synthetic", 7)
        self.categories, self.catalogue = self._whole.categories, self._whole.catalogue[::2]

    def boxed(self, split: str) -> Sequence[Any]:
        return self._whole.boxed(split)[::10]

    def views(self, split: str) -> Sequence[Any]:
        shown = {entry.item_id for entry in self.catalogue}
        return [view for view in self._whole.views(split) if view.item_id in shown][::5]

    def captioned(self, split: str) -> Sequence[Any]:
        return self._whole.captioned(split)[::10]


class FewClips:
    """Every fourth clip of the synthetic clips of a split."""

    def clips(self, split: str) -> Sequence[Any]:
        return clips.WORLDS.load("synthetic", 7).clips(split)[::4]


class FewBodies:
    """Every tenth picture of the bodies of a split of the synthetic arcade."""

    def solids(self, split: str) -> Sequence[Any]:
        return arcade.WORLDS.load("synthetic", 7).solids(split)[::10]


def _ranked(count: int, seed: int) -> list[Sample]:
    """Requests whose wanted item is the one with the highest search score."""
    rng = np.random.default_rng(seed)
    samples = []
    for user in range(count):
        scores = rng.random(5).tolist()
        items: dict[str, list[Any]] = {field.name: [0.0] * 5 for field in PORT_TYPES["Items"].fields}
        items |= {"item_id": list(range(5)), "category": [0] * 5, "search_score": scores}
        samples.append(Sample({"items": items}, {"relevant": (int(np.argmax(scores)),)}, user, "text", "test"))
    return samples


@pytest.fixture(scope="module")
def material() -> Any:
    """Component → what a small training of it learns from."""
    whole = shop.WORLDS.load("synthetic", 7)
    photos = replace(whole.photos, split=np.where(np.arange(len(whole.photos.split)) % 10, -1, whole.photos.split))  # -1: of no split
    world = replace(whole, queries=whole.queries[::10], photos=photos)
    few = FewTexts()
    samples = Samples(_ranked(20, 1), _ranked(10, 2), [], _ranked(10, 3))
    own: dict[str, Any] = dict.fromkeys(
        ("spatial_transformer", "speech_recognition", "text_recognition", "text_summarization", "text_translation"), few
    )
    own |= dict.fromkeys(("image_embedding", "image_to_text", "object_detection"), FewPictures())
    own |= dict.fromkeys(("face_embedding", "face_recognition_3d"), TinyFaces())
    own |= dict.fromkeys(("image_compression", "video_prediction"), FewClips()) | {"object_reconstruction_3d": FewBodies()}
    own |= {"image_to_image": ChangedScenes(scenes=4, views=2), "image_generation": ColouredThings(things=4, views=2)}
    return lambda name: {**own, "learning_to_rank": samples}.get(name, world)


# Of every component its first model, and the model whose training is a loop of its own. An effort of two epochs, however it is written.
TRAINED = [(spec.name, spec.models[0].name) for spec in COMPONENTS.values() if spec.trains] + [("text_summarization", "pointer_generator")]
EFFORTS: dict[str, Any] = {
    "image_classification": PhotoEffort(2, 64, 0.1, 16),
    "speech_recognition": RecognitionEffort(2, 1e-3, 8, 16),
    "text_recognition": RecognitionEffort(2, 1e-3, 8, 16),
    "text_translation": TranslationEffort(2, 1e-3, 500, 100, 10, 60),
}


def _trained(component: str, model: str, material: Any, tell: Any, monkeypatch: pytest.MonkeyPatch) -> Trained:
    module = importlib.import_module(f"aibenchrt.components.{component}.train")
    efforts = module.POINTER_EFFORTS if model == "pointer_generator" else module.EFFORTS
    key = ("tiny", model) if ("tiny", model) in efforts else "tiny"
    shorter = EFFORTS.get(component) or type(efforts[key])(**{**vars(efforts[key]), "epochs": 2})
    monkeypatch.setitem(efforts, key, shorter)
    trained: Trained = module.train(material(component), model, 7, "tiny", tell, "cpu")
    return trained


@pytest.mark.parametrize(
    ("component", "model"),
    [
        pytest.param(component, model, marks=pytest.mark.long if model == "pointer_generator" else [], id=f"{component}-{model}")
        for component, model in TRAINED
    ],
)
def test_every_training_tells_what_its_time_to_a_target_is_counted_by(
    component: str, model: str, material: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = component_spec(component)
    assert spec is not None
    listener, events = Listener(_metric(spec, model)), []

    def tell(event: Event) -> None:
        listener(event)
        events.append(event)

    trained = _trained(component, model, material, tell, monkeypatch)
    assert trained.epochs in (1, 2)
    for metric in spec.metrics:
        told = [event for event in events if isinstance(event, Epoch) and (event.split, event.metric) == ("validation", metric)]
        assert [event.n for event in told] == [1, 2], f"{metric} is told after every epoch"
        row = metric_of(metric)
        assert row is not None
        most = max(2.0, row.most) if lower_is_better(metric) else row.most
        assert all(0 <= event.value <= most and event.of == 2 for event in told)
        assert metric in trained.metrics, "the metric told is the one that is measured"
    points = curve(listener.heard, began=listener.heard[0][1] - 1.0)
    assert points[0].seconds == 1.0
    within_reach = TrainingTarget(metric=listener.metric, value=points[0].value, source="the first epoch's value")
    assert within_reach.reached(points[0].value)
    shown: list[tuple[str, float]] = []
    for event in events:
        rendered(lambda *what: shown.append(what), component, model)(event)
    assert all(what.startswith(f"{component} {model}: ") and 0 <= done <= 1 for what, done in shown)
    assert shown[-1][1] == 1.0
    assert any(f"epoch 2 of 2, validation {listener.metric} " in what for what, _ in shown)


def _metric(spec: ComponentSpec, model: str) -> str:
    return declared_metric(spec, next(row for row in spec.models if row.name == model))


def test_a_target_is_reached_by_the_first_epoch_that_has_it() -> None:
    listener = Listener("cer")
    for event in (
        Epoch(1, "validation", "cer", 0.9, of=3),
        Epoch(1, "validation", "wer", 0.1, of=3),
        Epoch(2, "train", "cer", 0.1, of=3),
        SideWork("something else", 0.5),
        Epoch(2, "validation", "cer", 0.4, of=3),
        Epoch(3, "validation", "cer", 0.5, of=3),
    ):
        listener(event)
    points = curve(listener.heard, began=listener.heard[0][1])
    assert [(point.epoch, point.value) for point in points] == [(1, 0.9), (2, 0.4), (3, 0.5)]
    target = TrainingTarget(metric="cer", value=0.5, source="")
    assert next(point.epoch for point in points if target.reached(point.value)) == 2


def test_events_are_shown_with_the_fraction_of_the_training_that_is_done() -> None:
    shown: list[tuple[str, float]] = []
    tell = rendered(lambda *what: shown.append(what), "recommendation", "gmf")
    for event in (Begun(), SideWork("drawing goods", 0.0), Batches(2, 0.5, of=4), Epoch(2, "validation", "ndcg@10", 0.0766, of=4)):
        tell(event)
    assert shown == [
        ("recommendation gmf: training begins", 0.0),
        ("recommendation gmf: drawing goods", 0.0),
        ("recommendation gmf: epoch 2 of 4", 0.375),
        ("recommendation gmf: epoch 2 of 4, validation ndcg@10 0.0766", 0.5),
    ]
