"""Pictures that training varies: they stay pictures, each of its own thing, and change by no more than is said."""

from __future__ import annotations

import torch
from aibenchrt.train.varied_pictures import Variety, pasted, relit, varied
from torch import Tensor

NOT_AT_ALL = Variety(0.0, 0.0, 0.0, 0.0, 0.0)
MUCH = Variety(20.0, 0.3, 0.2, 0.5, 0.5)


def drawn(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 40, side: int = 16) -> Tensor:
    return torch.rand(count, 3, side, side, generator=drawn(9))


def test_without_variety_pictures_are_only_mirrored_and_about_half_of_them() -> None:
    given = noise()
    got = varied(given, NOT_AT_ALL, drawn())
    same = [torch.allclose(one, other, atol=1e-4) for one, other in zip(got, given, strict=True)]
    mirrored = [torch.allclose(one, other.flip(2), atol=1e-4) for one, other in zip(got, given, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 10 < sum(mirrored) < 30


def test_pictures_stay_within_black_and_white_and_the_seed_decides() -> None:
    given = noise()
    got, again, other = (varied(given, MUCH, drawn(seed)) for seed in (1, 1, 2))
    assert got.shape == given.shape
    assert 0 <= float(got.min()) < float(got.max()) <= 1
    assert torch.equal(got, again)
    assert not torch.allclose(got, other)


def test_a_thing_in_the_middle_stays_near_it() -> None:
    given = torch.zeros(60, 3, 32, 32)
    given[:, :, 14:18, 14:18] = 1.0
    got = varied(given, Variety(20.0, 0.1, 0.25, 0.0, 0.0), drawn())
    place = torch.arange(32) - 15.5
    weight = got.mean(dim=1)
    across, down = ((weight * axis).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)) for axis in (place[None, None, :], place[None, :, None]))
    assert float(across.abs().max()) < 32 / 2 * 0.25 * 1.6
    assert float(across.abs().max()) > 2
    assert float(down.abs().max()) > 2


def test_light_changes_the_picture_as_a_whole_and_saturation_nothing_that_is_grey() -> None:
    grey = torch.full((30, 3, 4, 4), 0.5)
    assert torch.allclose(relit(grey, Variety(0, 0, 0, 0, 0.9), drawn()), grey, atol=1e-6)
    lit = relit(grey, Variety(0, 0, 0, 0.2, 0), drawn())
    assert float(lit.std(dim=(2, 3)).max()) < 1e-6
    assert float((lit - 0.5).abs().max()) < 0.5 * 0.2 * 1.08 + 0.5 * 1.2 * 0.08 + 0.06
    assert float((lit - 0.5).abs().mean()) > 0.01


def test_a_thing_on_white_is_pasted_before_a_corner_of_another_picture() -> None:
    views, on_white, grounds = torch.zeros(50, 3, 16, 16), torch.ones(50, 3, 16, 16), torch.full((50, 3, 16, 16), 0.25)
    grounds[:, :, 6:10, 6:10] = 0.9  # what is in the middle of a view is its thing, not its background
    on_white[:, :, 4:8, 4:8] = 0.5
    assert torch.equal(pasted(views, on_white, grounds, 0.0, drawn()), views)
    every = pasted(views, on_white, grounds, 1.0, drawn())
    assert torch.allclose(every[:, :, 4:8, 4:8], torch.tensor(0.5))
    assert torch.allclose(every[:, :, 10:, 10:], torch.tensor(0.25))
    some = pasted(views, on_white, grounds, 0.3, drawn()).amax(dim=(1, 2, 3)) > 0
    assert 5 < int(some.sum()) < 28
