"""The decision by two similarities, and the templates that they are of."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt.catalog import component_module
from aibenchrt.components.encryption.sealing import SealError
from aibenchrt.components.face_decision import service
from aibenchrt.components.face_decision.fusion import Fusion, Trials, accepted_shares, fit
from aibenchrt.serve.prepare import LEARNT, prepare_component
from numpy.typing import NDArray
from pay_world import PayWorld, payment
from PIL import Image
from sklearn.linear_model import LogisticRegression

SETTINGS: dict[str, str | int] = {"false_accepts": 10}
SPLITS = {"train": range(100, 110), "validation": range(200, 240), "test": range(1, 9)}


@dataclass(frozen=True)
class Capture:
    png: bytes
    depth: bytes
    person: int


def png(pixels: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@cache
def captures(persons: range, each: int, seed: int, noise: float, flat: bool) -> Sequence[Capture]:
    """Each person has a colour and a relief of 8 × 8 fields; a capture has noise on both, a printed one the colour alone."""
    rng = np.random.default_rng(seed)
    made = []
    for person in persons:
        own = np.random.default_rng(person)
        colour, relief = own.uniform(60, 190, (8, 8, 3)), own.uniform(2000, 4000, (8, 8))
        for _ in range(each):
            shape = np.full((8, 8), 3000.0) if flat else relief
            made.append(
                Capture(
                    png(np.clip(colour + rng.normal(0, noise, colour.shape), 0, 255).astype(np.uint8)),
                    png(np.clip(shape + rng.normal(0, 10 * noise, shape.shape), 1, 65535).astype(np.uint16)),
                    person,
                )
            )
    return tuple(made)


@dataclass(frozen=True)
class FaceWorld(PayWorld):
    version: str = "face-world-1"

    def faces(self, split: str) -> Sequence[Capture]:
        return captures(SPLITS[split], 6, 1, 30.0, False)

    def printed(self, split: str) -> Sequence[Capture]:
        return captures(SPLITS[split], 3, 2, 30.0, True)

    def enrolled(self, split: str) -> Sequence[Capture]:
        return captures(SPLITS[split], 2, 3, 10.0, False)


WORLD = FaceWorld()


def asked(capture: Capture, payer: int) -> dict[str, Any]:
    captured = {"image": {"png": capture.png}, "depth": {"png": capture.depth}}
    return {
        "payment": payment(1, payer=payer),
        "face": service.pixels(captured)["vector"],
        "shape": service.relief(captured)["vector"],
    }


def test_customers_are_told_from_strangers_and_from_their_printed_photos() -> None:
    folder = prepare_component("face_decision", SETTINGS, WORLD)
    decide = component_module("face_decision", "service").open_work(folder, SETTINGS, Path("unused"))

    def accepted(trials: Sequence[tuple[Capture, int]]) -> float:
        decisions = [decide(asked(capture, payer))["decision"] for capture, payer in trials]
        assert all(decision["accepted"] == (decision["score"] > 0) for decision in decisions)
        return float(np.mean([decision["accepted"] for decision in decisions]))

    faces = WORLD.faces("test")
    assert accepted([(face, face.person) for face in faces]) > 0.9
    assert accepted([(face, other) for face in faces for other in SPLITS["test"] if other != face.person]) < 0.05
    assert accepted([(photo, photo.person) for photo in WORLD.printed("test")]) < 0.05
    learnt = json.loads((folder / LEARNT / "fusion.json").read_bytes())
    assert learnt["trials"] == {"genuine": 240, "strangers": 240 * 39, "printed": 120}
    assert learnt["accepted"]["strangers"] <= 0.01
    assert learnt["accepted"]["printed"] <= 0.01


def test_templates_are_encrypted_bound_to_their_customers_and_checked() -> None:
    folder = prepare_component("face_decision", SETTINGS, WORLD)
    key, file = folder / "template.key", folder / "templates.json"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    sealed = json.loads(file.read_bytes())
    assert set(sealed) == {str(person) for person in SPLITS["test"]}
    assert key.read_bytes().hex() not in file.read_text()
    opened = service._opened(sealed, key.read_bytes())
    assert all(np.linalg.norm(vector) == pytest.approx(1) for pair in opened.values() for vector in pair)
    assert len({pair[0].tobytes() for pair in opened.values()}) == len(opened)
    with pytest.raises(SealError):
        service._opened({**sealed, "1": sealed["2"]}, key.read_bytes())
    with pytest.raises(SealError):
        service._opened(sealed, bytes(32))


def test_what_it_learns_is_of_the_models_themselves_and_templates_of_what_takes_their_place(tmp_path: Path) -> None:
    """As in an ablation: `learn` with the stand-ins, `prepare` with an answer that is always the same."""
    (tmp_path / LEARNT).mkdir()
    service.learn(WORLD, SETTINGS, tmp_path / LEARNT)
    service.prepare(WORLD, SETTINGS, tmp_path, lambda inputs: {"vector": {"value": [1.0, 0.0]}})  # noqa: ARG005
    usual = prepare_component("face_decision", SETTINGS, WORLD)
    learnt, known = (json.loads((folder / LEARNT / "fusion.json").read_bytes()) for folder in (tmp_path, usual))
    assert learnt["fusion"] == pytest.approx(known["fusion"])  # sums of BLAS differ in their last bit, by where in memory a matrix begins
    assert (learnt["accepted"], learnt["trials"]) == (known["accepted"], known["trials"])
    decide = service.open_work(tmp_path, SETTINGS, Path("unused"))
    face = WORLD.faces("test")[0]
    decide({**asked(face, 1), "face": {"value": [1.0, 0.0]}})
    with pytest.raises(ValueError, match="the template has 2 numbers"):
        decide(asked(face, 1))


def test_what_cannot_be_compared_is_refused() -> None:
    decide = service.open_work(prepare_component("face_decision", SETTINGS, WORLD), SETTINGS, Path("unused"))
    good = asked(WORLD.faces("test")[0], 1)
    stranger = decide(asked(WORLD.faces("test")[0], 99))["decision"]
    assert not stranger["accepted"]
    assert stranger["score"] < min(decide(asked(face, 1))["decision"]["score"] for face in WORLD.printed("test")) < 0
    for wrong in ([], [float("nan")] * 192, [1.0] * 3):
        with pytest.raises(ValueError, match=r"finite numbers|the template has"):
            decide({**good, "face": {"value": wrong}})


def drawn(seed: int) -> Trials:
    rng = np.random.default_rng(seed)
    return Trials(
        rng.normal((0.7, 0.6), (0.15, 0.2), (300, 2)),
        rng.normal((0.2, 0.1), (0.2, 0.2), (4000, 2)),
        rng.normal((0.68, 0.0), (0.15, 0.15), (200, 2)),
    )


def test_the_fit_is_that_of_a_library() -> None:
    """Of scikit-learn with the same weights and penalty, on similarities of the same scale; the threshold apart, which moves the bias."""
    trials = drawn(1)
    found = fit(trials, 0.01)
    every = np.concatenate([trials.genuine, trials.strangers, trials.printed])
    truth = np.repeat([1, 0, 0], [300, 4000, 200])
    weight = np.repeat([0.5 / 300, 0.25 / 4000, 0.25 / 200], [300, 4000, 200])
    scaled = (every - every.mean(axis=0)) / every.std(axis=0)
    library = LogisticRegression(C=1000.0, tol=1e-10, max_iter=1000).fit(scaled, truth, sample_weight=weight)
    assert (found.face, found.shape) == pytest.approx(tuple(library.coef_[0] / every.std(axis=0)), rel=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1])
def test_the_threshold_accepts_as_many_as_it_may(share: float) -> None:
    trials = drawn(2)
    accepted = accepted_shares(fit(trials, share), trials)
    assert accepted["strangers"] <= share
    assert accepted["printed"] <= share
    assert max(accepted["strangers"], accepted["printed"]) > share - 0.005 - 1e-9, "a lower threshold would accept more of one kind"


def test_perfect_similarities_have_finite_weights() -> None:
    trials = Trials(np.ones((5, 2)), np.zeros((50, 2)), np.tile([1.0, 0.0], (5, 1)))
    found = fit(trials, 0.01)
    assert np.isfinite([found.face, found.shape, found.bias]).all()
    assert accepted_shares(found, trials) == {"genuine": 1.0, "strangers": 0.0, "printed": 0.0}
    assert found.shape > 0 < found.face


def test_no_trials_of_a_kind_are_told() -> None:
    nothing = np.zeros((0, 2))
    with pytest.raises(ValueError, match="trials of customers"):
        fit(Trials(np.ones((5, 2)), np.zeros((5, 2)), nothing), 0.01)
    assert Fusion(1.0, 1.0, 0.0).scores(nothing).shape == (0,)
