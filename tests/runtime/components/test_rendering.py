"""The renderer: the same picture as the world's own, which works another way; and what it refuses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt.components.rendering import service
from aibenchrt.components.rendering.workload import bodies
from aibenchrt.datasets.arcade.bodies import FINE, SIDE, hidden_sky, lowest, smooth_normals, surface_of
from aibenchrt.datasets.arcade.dataset import WORLDS
from aibenchrt.datasets.arcade.drawing import seen
from aibenchrt.datasets.arcade.skins import TEXELS
from aibenchrt.datasets.arcade.world import ArcadeWorld
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.looks import BACKGROUND, Camera, packed, unpacked
from aibenchrt.picture_quality import decibels
from aibenchrt.values import Work
from PIL import Image, UnidentifiedImageError

GREY = np.full((TEXELS, TEXELS, 3), 128, dtype=np.uint8)
CAMERA = {"azimuth": 30.0, "elevation": 20.0, "distance": 3.2}


@pytest.fixture(scope="module")
def world() -> ArcadeWorld:
    return WORLDS.load("synthetic")


def opened(look: str = "raster", side: int = 64) -> Work:
    return service.open_work(Path("unused"), {"look": look, "side": side}, Path("unused"))


def asked(voxels: np.ndarray, **changes: Any) -> dict[str, Any]:
    values = {"solid": {"content": packed(voxels), "side": len(voxels)}, "texture": {"png": colour_png(GREY)}, "camera": CAMERA}
    return values | changes


def pixels(values: Any) -> np.ndarray:
    with Image.open(io.BytesIO(values["image"]["png"])) as picture:
        return np.asarray(picture.convert("RGB"))


def box(side: int = SIDE) -> np.ndarray:
    voxels = np.zeros((side,) * 3, dtype=np.bool_)
    voxels[side // 4 : -side // 4, side // 4 : -side // 4, side // 4 : -side // 4] = True
    return voxels


def test_strips_cover_what_the_surface_covers() -> None:
    rng = np.random.default_rng(3)
    for voxels in (box(), rng.random((9, 9, 9)) < 0.4, np.ones((3, 3, 3), dtype=np.bool_)):
        whole, parts = surface_of(voxels), service.strips(voxels)
        area = [np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum() / 2 for t in (whole, parts)]
        assert area[0] == pytest.approx(area[1])
        assert len(parts) < len(whole)
        for axis in range(3):
            assert parts[:, :, axis].min() == whole[:, :, axis].min()
            assert parts[:, :, axis].max() == whole[:, :, axis].max()


def test_both_renderers_draw_the_same(world: ArcadeWorld) -> None:
    """Rays and a z-buffer differ where a ray meets an edge; elsewhere by roundings."""
    agree: dict[str, list[float]] = {"raster": [], "occluded": []}
    for values in bodies(world, None)[::20]:  # type: ignore[arg-type]
        voxels, camera = unpacked(values["solid"]["content"], SIDE), Camera(*values["camera"].values())
        texture = service.colour_pixels(values["texture"]["png"], TEXELS)
        surface = surface_of(voxels)
        there = seen(surface, camera, 64, lambda points, voxels=voxels: smooth_normals(voxels, points))  # type: ignore[misc]
        part = FINE // SIDE
        hidden = hidden_sky(np.repeat(np.repeat(np.repeat(voxels, part, 0), part, 1), part, 2))
        theirs = {"raster": there.raster(texture), "occluded": there.occluded(texture, hidden, lowest(surface))}
        for look, found in agree.items():
            found.append(decibels(theirs[look], pixels(opened(look)(values)).astype(np.uint8)))
    assert all(min(found) > 28 and np.median(found) > 36 for found in agree.values()), agree


def test_a_body_is_before_the_sky_and_nothing_is_all_sky() -> None:
    picture = pixels(opened()(asked(box())))
    assert picture[0, 0].tolist() == list(BACKGROUND)
    assert (picture[32, 32] != BACKGROUND).any()
    assert (pixels(opened()(asked(np.zeros((SIDE,) * 3, dtype=np.bool_)))) == BACKGROUND).all()


def test_a_roof_darkens_what_is_below_it() -> None:
    voxels = np.zeros((SIDE,) * 3, dtype=np.bool_)
    voxels[4:20, 4:6, 4:20] = True
    with_roof = voxels.copy()
    with_roof[4:20, 12:14, 4:12] = True  # over the left half
    camera = {"azimuth": 0.0, "elevation": 10.0, "distance": 3.2}
    bare, roofed = (pixels(opened("occluded")(asked(one, camera=camera))).astype(int) for one in (voxels, with_roof))
    plain = pixels(opened("raster")(asked(voxels, camera=camera))).astype(int)
    assert (bare <= plain).all()
    floor = [(line, column) for line in range(44, 52) for column in (18, 24) if (bare[line, column] != BACKGROUND).any()]
    assert floor
    assert np.mean([roofed[place].sum() < bare[place].sum() for place in floor]) > 0.5


@pytest.mark.parametrize("side", [8, 64, 130])
def test_a_frame_has_the_side_that_is_set(side: int) -> None:
    assert pixels(opened(side=side)(asked(box()))).shape == (side, side, 3)


def test_bodies_of_any_side_up_to_the_most_are_drawn() -> None:
    for side in (1, 7, service.MOST_VOXELS):
        pixels(opened("occluded", 16)(asked(np.ones((side,) * 3, dtype=np.bool_))))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"solid": {"content": b"", "side": SIDE}}, ValueError),
        ({"solid": {"content": b"\0" * (65**3 // 8 + 1), "side": 65}}, ValueError),
        ({"solid": {"content": b"", "side": -1}}, ValueError),
        ({"solid": {"content": b"", "side": 0}}, ValueError),
        ({"texture": {"png": b"no picture"}}, UnidentifiedImageError),
        ({"camera": CAMERA | {"distance": 0.5}}, ValueError),
        ({"camera": CAMERA | {"azimuth": float("nan")}}, ValueError),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        opened()(asked(box(), **changes))


@pytest.mark.parametrize("side", [0, 7, 257])
def test_frames_of_other_sizes_are_refused(side: int) -> None:
    with pytest.raises(ValueError, match="pixels a side"):
        opened(side=side)
