"""The loss of ArcFace, the linear projections, and captures as they could have been taken."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from aibenchrt.train.angular_margin import AngularMargin
from aibenchrt.train.linear_projection import EIGENFACES, FISHERFACES, Projection, chosen_projections, projections
from aibenchrt.train.varied_captures import covered, shifted
from numpy.typing import NDArray
from torch.nn import functional


def test_a_margin_of_nothing_is_a_softmax_of_cosines() -> None:
    torch.manual_seed(1)
    loss_of = AngularMargin(4, 3, scale=10.0, margin=0.0)
    vectors, persons = functional.normalize(torch.randn(5, 4), dim=1), torch.tensor([0, 1, 2, 0, 1])
    cosines = vectors @ functional.normalize(loss_of.centres, dim=1).T
    assert float(loss_of(vectors, persons).detach()) == pytest.approx(
        float(functional.cross_entropy(10 * cosines, persons).detach()), rel=1e-5
    )


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 150.0])
def test_the_angle_to_the_own_centre_grows_by_the_margin(degrees: float) -> None:
    """Equation 3, with two centres at right angles: the own logit is s·cos(θ + m), the other s·cos of its own angle."""
    scale, margin, angle = 8.0, 0.4, math.radians(degrees)
    loss_of = AngularMargin(3, 2, scale, margin)
    with torch.no_grad():
        loss_of.centres.copy_(torch.tensor([[5.0, 0.0, 0.0], [0.0, 0.1, 0.0]]))  # only their directions count
    vector = torch.tensor([[math.cos(angle), 0.0, math.sin(angle)]])
    own = scale * math.cos(angle + margin)
    assert float(loss_of(vector, torch.tensor([0])).detach()) == pytest.approx(math.log(1 + math.exp(-own)), rel=1e-4, abs=1e-6)


def test_beyond_half_a_turn_the_logit_goes_on_falling() -> None:
    loss_of = AngularMargin(2, 2, 8.0, 0.4)
    with torch.no_grad():
        loss_of.centres.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    angles = torch.linspace(0.0, math.pi, 200)
    losses = [float(loss_of(torch.tensor([[math.cos(a), math.sin(a)]]), torch.tensor([0])).detach()) for a in angles.tolist()]
    logits = [-math.log(math.exp(loss) - 1) + 8.0 * math.cos(a) for loss, a in zip(losses, angles.tolist(), strict=True)]
    assert (np.diff(logits) < 1e-3).all()


def test_a_step_draws_a_vector_to_its_own_centre() -> None:
    torch.manual_seed(2)
    loss_of = AngularMargin(8, 5, 16.0, 0.3)
    given = torch.randn(10, 8, requires_grad=True)
    persons = torch.arange(10) % 5
    loss = loss_of(functional.normalize(given, dim=1), persons)
    (gradient,) = torch.autograd.grad(loss, given)
    before, after = (functional.normalize(x, dim=1) for x in (given.detach(), given.detach() - 0.1 * gradient))
    centres = functional.normalize(loss_of.centres.detach(), dim=1)[persons]
    assert ((after * centres).sum(1) > (before * centres).sum(1)).float().mean() > 0.8


def _drawn(persons: int, each: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Persons differ in the last two of ten features; all else varies more, and says nothing."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(persons * each, 10)) * 5
    who = np.repeat(np.arange(persons), each)
    features[:, 8:] = rng.normal(size=(persons, 2))[who] + 0.05 * rng.normal(size=(persons * each, 2))
    return features.astype(np.float32), who


def test_the_projection_with_the_least_error_is_chosen() -> None:
    features, who = _drawn(30, 8, 1)
    others, whose = _drawn(20, 8, 2)

    def error(projection: Projection) -> float:
        """The share of captures whose nearest other capture is another person's."""
        vectors = projection(torch.from_numpy(others)).numpy()
        alike = vectors @ vectors.T - 2 * np.eye(len(vectors))
        return float((whose[alike.argmax(axis=1)] != whose).mean())

    chosen = chosen_projections(features, who, error)
    errors = {kind: [error(one) for one in projections(features, who) if one.kind == kind] for kind in chosen}
    assert {kind: error(one) for kind, one in chosen.items()} == {kind: min(them) for kind, them in errors.items()}
    # Only what is whitened within persons sees the two features that matter.
    assert min(errors[EIGENFACES]) > 1.5 * min(errors[FISHERFACES])


def test_projected_vectors_have_unit_length_and_eigenfaces_keep_angles() -> None:
    features, who = _drawn(12, 5, 3)
    first: Projection = next(projections(features, who))
    whole = first(torch.from_numpy(features)).numpy()
    assert np.linalg.norm(whole, axis=1) == pytest.approx(1.0, abs=1e-5)
    centred = features - features.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert whole @ whole.T == pytest.approx(centred @ centred.T, abs=1e-4), "all ten components: a turn, and nothing lost"


def test_a_shifted_capture_has_the_same_values_elsewhere() -> None:
    generator = torch.Generator().manual_seed(4)
    capture = torch.arange(36.0).reshape(1, 1, 6, 6).repeat(40, 2, 1, 1)
    moved = shifted(capture, 1, generator)
    assert moved.shape == capture.shape
    assert set(moved.flatten().tolist()) <= set(range(36))
    inner = moved[:, :, 1:-1, 1:-1]
    differences = {tuple(one[0, 1, 1:3].diff().tolist()) for one in inner}
    assert differences == {(1.0,), (-1.0,)}, "some are mirrored, some are not"
    assert (moved[:, 0] == moved[:, 1]).all(), "all channels together"
    assert len({tuple(one[0, 2].tolist()) for one in moved}) > 8
    again = shifted(capture, 1, torch.Generator().manual_seed(4))
    assert torch.equal(moved, again)
    straight = shifted(capture, 0, generator, mirrored=False)
    assert torch.equal(straight, capture)


def test_a_part_of_some_captures_is_covered() -> None:
    generator = torch.Generator().manual_seed(5)
    hidden = covered(torch.ones(200, 3, 16, 16), 0.5, 0.5, -1.0, generator) < 0
    assert (hidden.all(dim=1) == hidden.any(dim=1)).all(), "in all channels"
    share = hidden.any(dim=3).any(dim=2).any(dim=1).float().mean()
    assert 0.35 < float(share) <= 0.6
    assert float(hidden.float().mean(dim=(1, 2, 3)).max()) <= 0.25
    assert not (covered(torch.ones(50, 1, 8, 8), 0.0, 0.5, -1.0, generator) < 0).any()
