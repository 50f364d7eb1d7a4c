"""The world `arcade`: bodies in their cube, light that something hides, splits by model, truth that answers, the same bytes every time."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.catalog import DATASETS
from aibenchrt.datasets.arcade.bodies import (
    FINE,
    SIDE,
    body_of,
    filled,
    hidden_at,
    hidden_sky,
    smooth_normals,
    surface_of,
    touched,
)
from aibenchrt.datasets.arcade.compose import compose
from aibenchrt.datasets.arcade.dataset import SYNTHETIC, WORLDS, payloads
from aibenchrt.datasets.arcade.drawing import seen
from aibenchrt.datasets.arcade.skins import TEXELS, made
from aibenchrt.datasets.arcade.world import CLIP, ArcadeWorld, load, save
from aibenchrt.datasets.looks import BACKGROUND, NEAREST, SKY, Camera, below, openness, packed, painted, unpacked
from aibenchrt.datasets.rasteriser import Solid, Surface
from aibenchrt.datasets.rows import SPLITS
from aibenchrt.datasets.sources.furniture_textures import NAMES, kind_of
from aibenchrt.metrics import score_each
from aibenchrt.progress import silent
from PIL import Image

GREY = np.full((4, 4, 3), 128, dtype=np.uint8)


@pytest.fixture(scope="module")
def world() -> ArcadeWorld:
    return WORLDS.load("synthetic")


def cube(half: float, middle: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    """The triangles of a cube."""
    voxels = np.ones((1, 1, 1), dtype=np.bool_)
    return surface_of(voxels) * half + np.array(middle)


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


# ---- bodies


def test_a_model_fills_its_cube_and_glass_is_left_out() -> None:
    corners = np.arange(36).reshape(12, 3)
    box = cube(0.5).reshape(36, 3) * np.array([200.0, 100.0, 50.0]) + 30.0
    far = Solid(
        np.concatenate([box, box + 500.0]), np.concatenate([corners, corners + 36]), np.zeros((24, 3, 2)), np.repeat([0, 1], 12),
        (Surface((1.0, 0.0, 0.0)), Surface((0.0, 0.0, 1.0), opacity=0.0)),
    )  # fmt: skip
    body = body_of(far)
    assert body is not None
    assert np.abs(body.triangles).max((0, 1)) == pytest.approx([0.9, 0.45, 0.225])
    occupied = np.argwhere(body.voxels)
    assert (np.ptp(occupied, axis=0) + 1).tolist() == pytest.approx([0.45 * 12, 0.9 * 12, 1.8 * 12], abs=1.5), "z, y, x"
    assert body_of(Solid(box, corners, np.zeros((12, 3, 2)), np.zeros(12, dtype=np.int64), (Surface((0, 0, 0), 0.0),))) is None


def test_what_is_enclosed_is_full_and_what_is_open_is_not() -> None:
    shell = touched(cube(0.5), FINE)
    whole = filled(shell)
    assert shell.sum() < whole.sum()
    assert abs(int(whole.sum()) - 24**3) < 0.15 * 24**3, "half a cube a side, of 48 voxels"
    pipe = cube(0.5)[[0, 1, 2, 3, 4, 5, 6, 7]]  # without two opposite sides
    assert filled(touched(pipe, FINE)).sum() == touched(pipe, FINE).sum()


def test_voxels_become_a_surface_around_them() -> None:
    voxels = np.zeros((SIDE,) * 3, dtype=np.bool_)
    voxels[2:5, 6, 7] = True
    triangles = surface_of(voxels)
    assert len(triangles) == 2 * (4 * 3 + 2)
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    assert ((low + 1) * SIDE / 2).tolist() == pytest.approx([7, 6, 2])
    assert ((high + 1) * SIDE / 2).tolist() == pytest.approx([8, 7, 5])
    assert np.array_equal(touched(triangles * 0.999 + 0.001 * triangles.mean((0, 1)), SIDE), voxels)


def test_smooth_normals_point_outwards() -> None:
    voxels = np.zeros((SIDE,) * 3, dtype=np.bool_)
    voxels[8:16, 8:16, 8:16] = True
    half = 8 / SIDE
    normals = smooth_normals(voxels, np.array([(half, 0.0, 0.0), (0.0, -half, 0.0), (0.0, 0.0, half), (half, half, half)]))
    assert normals[:3] == pytest.approx(np.array([(1, 0, 0), (0, -1, 0), (0, 0, 1)]), abs=1e-6)
    assert normals[3] == pytest.approx(np.full(3, 3**-0.5), abs=1e-6)
    assert not smooth_normals(voxels, np.array([(-0.99, -0.99, -0.99)])).any()


# ---- looks


def test_the_sky_is_hidden_below_a_roof_and_open_on_it() -> None:
    voxels = np.zeros((FINE,) * 3, dtype=np.bool_)
    voxels[:, 20:22, :] = True  # a floor, and a roof of the same size above it
    voxels[:, 28:30, :] = True
    hidden = hidden_sky(voxels)
    above, between = (np.array([(0.0, (line + 0.5) * 2 / FINE - 1, 0.0)]) for line in (31, 23))
    up = np.array([(0.0, 1.0, 0.0)])
    assert openness(up, hidden_at(hidden, above))[0] > 0.95
    assert openness(up, hidden_at(hidden, between))[0] < 0.25
    assert below(np.array([(0.0, -0.5, 0.0), (0.0, 0.5, 0.0)]), -0.6).any(axis=1).tolist() == [True, False]
    assert np.abs(SKY.mean(axis=0)).max() < 0.01
    assert (SKY**2).sum(axis=1) == pytest.approx(np.ones(len(SKY)), abs=1e-6)


def test_a_camera_sees_the_front_and_what_is_nearer_hides_what_is_behind() -> None:
    ahead = seen(cube(0.5), Camera(0.0, 0.0, 3.0), 64)
    assert ahead.points[:, 2] == pytest.approx(np.full(len(ahead.points), 0.5))
    assert ahead.normals == pytest.approx(np.tile([0.0, 0.0, 1.0], (len(ahead.normals), 1)))
    beside, above = seen(cube(0.5), Camera(90.0, 0.0, 3.0), 64), seen(cube(0.5), Camera(0.0, 90.0, 3.0), 64)
    assert beside.points[:, 0] == pytest.approx(np.full(len(beside.points), 0.5))
    assert above.points[:, 1] == pytest.approx(np.full(len(above.points), 0.5))
    two = np.concatenate([cube(0.5), cube(0.2, (0.0, 0.0, 0.8))])
    middle = seen(two, Camera(0.0, 0.0, 3.0), 64)
    assert middle.points[middle.places == 32 * 64 + 32, 2] == pytest.approx(1.0)
    picture = ahead.raster(GREY)
    assert picture[0, 0].tolist() == list(BACKGROUND)
    assert len({tuple(level) for level in picture.reshape(-1, 3).tolist()}) == 2


def test_a_point_between_the_corners_is_where_the_ray_meets_the_triangle() -> None:
    """Depth is not linear in the picture: the middle pixel of a slanting square shows its middle."""
    slant = np.array([[(-1.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 0.0, -1.0)], [(-1.0, 0.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 0.0, -1.0)]])
    there = seen(slant, Camera(0.0, 30.0, 3.0), 65)
    assert there.points[there.places == 32 * 65 + 32][0] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("camera", [(0.0, 0.0, NEAREST - 0.1), (float("nan"), 0.0, 3.0), (0.0, float("inf"), 3.0)])
def test_a_camera_within_the_body_or_nowhere_is_refused(camera: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="camera"):
        Camera(*camera)


def test_a_texture_has_no_seams() -> None:
    texture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    line = np.stack([np.linspace(-0.999, 0.999, 400), np.zeros(400), np.ones(400)], axis=1)
    levels = np.rint(painted(texture, line, np.tile([0.0, 0.0, 1.0], (400, 1))) * 255)
    assert np.abs(np.diff(levels[:, 0])).max() <= 3, "neighbouring texels"
    assert np.array_equal(levels, levels[::-1])


def test_packed_voxels_are_those_and_others_are_refused() -> None:
    voxels = np.random.default_rng(1).random((5, 5, 5)) < 0.5
    assert np.array_equal(unpacked(packed(voxels), 5), voxels)
    for content, side in ((packed(voxels), 6), (b"", 0), (b"\0" * (1 << 20), 1 << 20), (b"", -1)):
        with pytest.raises(ValueError, match="body"):
            unpacked(content, side)


# ---- the world


def test_no_model_and_no_texture_is_in_two_splits(world: ArcadeWorld) -> None:
    for things in (world.bodies, world.textures):
        assert {thing.split for thing in things} == set(SPLITS)
        assert len({thing.key for thing in things}) == len({thing.item_id for thing in things}) == len(things)
    split = {body.item_id: body.split for body in world.bodies}
    for name in SPLITS:
        assert {split[one.item_id] for one in world.solids(name)} == {name}
        assert {split[pair.scene] for pair in world.changed(name)} == {name}
        assert {world.texture[part.item_id].split for part in world.views(name)} == {name}
        assert {part.label for part in world.views(name)} == set(range(len(world.categories)))


def test_pictures_have_one_size_and_voxels_their_side(world: ArcadeWorld) -> None:
    for one in world.solids("test")[:20]:
        assert pixels(one.png).shape == (64, 64, 3)
        assert unpacked(one.solid, one.side).sum() > 10
    for part in world.views("test")[:20]:
        assert pixels(part.png).shape == (TEXELS, TEXELS, 3)
    assert Counter(one.item_id for one in world.solids("train")).most_common()[-1][1] == SYNTHETIC.pictures["train"]


def test_the_looks_of_a_pair_show_the_same_and_one_is_darker(world: ArcadeWorld) -> None:
    darker = []
    for pair in world.changed("validation"):
        before, after = pixels(pair.before).astype(int), pixels(pair.after).astype(int)
        assert score_each("silhouette_iou", [pair.before], [pair.after])[0] > 0.9
        assert (after <= before).all()
        darker.append((before - after).mean())
    assert np.median(darker) > 0.5


def test_a_clip_is_a_camera_led_around_one_body(world: ArcadeWorld) -> None:
    asked = payloads(world, "frames")
    source = DATASETS["arcade"].sources[0]
    assert source.clip == CLIP
    assert len(asked) == CLIP * sum(flight.split == "test" for flight in world.paths)
    assert {port.name for port in source.ports} == set(asked[0].values)
    for clip in range(0, len(asked) // CLIP, 5):
        own = asked[clip * CLIP : (clip + 1) * CLIP]
        assert [payload.values["moment"] for payload in own] == [{"stream": clip, "number": k} for k in range(CLIP)]
        assert len({payload.values["image"]["png"] for payload in own}) == len({payload.user for payload in own}) == 1
        assert len({payload.truth["solid"] for payload in own}) == 1
        turned = np.diff(np.unwrap([payload.values["camera"]["azimuth"] for payload in own], period=360))
        assert (np.abs(turned) < 7).all()
        assert (np.sign(turned) == np.sign(turned[0])).all()
    with pytest.raises(ValueError, match="no source"):
        payloads(world, "pictures")


def test_truth_scores_best_and_another_bodys_worse(world: ArcadeWorld) -> None:
    frames = [payload.truth for payload in payloads(world, "frames")[::CLIP]]
    originals, solids = [truth["original"] for truth in frames], [truth["solid"] for truth in frames]
    for name, truths in (("silhouette_iou", originals), ("voxel_iou", solids)):
        assert score_each(name, truths, truths).tolist() == [1.0] * len(truths)
        assert score_each(name, truths, truths[1:] + truths[:1]).mean() < 0.6


def test_the_frame_is_what_its_camera_sees(world: ArcadeWorld) -> None:
    """The outline of the voxels from the request's camera agrees with the true frame's, and that from another side does not."""
    agree, other = [], []
    for payload in payloads(world, "frames")[:: CLIP // 2]:
        surface = surface_of(unpacked(payload.truth["solid"].content, SIDE))
        camera = Camera(*payload.values["camera"].values())
        turned = Camera(camera.azimuth + 60, camera.elevation, camera.distance)
        for one, found in ((camera, agree), (turned, other)):
            outline = np.zeros(64 * 64, dtype=np.bool_)
            outline[seen(surface, one, 64).places] = True
            true = (np.abs(pixels(payload.truth["original"]).astype(int) - BACKGROUND) > 32).any(axis=2)
            found.append((outline.reshape(64, 64) & true).sum() / (outline.reshape(64, 64) | true).sum())
    assert np.mean(agree) > 0.7
    assert np.mean(agree) > np.mean(other) + 0.1


def test_saved_and_loaded_it_is_the_same_and_a_changed_file_is_none(world: ArcadeWorld, tmp_path: Path) -> None:
    stored = save(world, tmp_path / "world")
    again = load(tmp_path / "world")
    assert again is not None
    assert (again.version, again.paths, again.bodies, again.stored) == (stored.version, world.paths, world.bodies, world.stored)
    assert list(again.contents) == list(world.contents)
    with (tmp_path / "world" / "contents.bin").open("ab") as stream:
        stream.write(b"x")
    assert load(tmp_path / "world") is None
    shutil.rmtree(tmp_path / "world")
    assert load(tmp_path / "world") is None


def test_a_seed_gives_the_same_bytes() -> None:
    from aibenchrt.datasets.arcade.compose import Amounts
    from aibenchrt.datasets.arcade.dataset import _made
    from aibenchrt.datasets.furniture_pictures import solids

    few = Amounts(*(dict.fromkeys(SPLITS, 1) for _ in range(4)))
    one, again, other = (
        compose("synthetic", 7, list(_made(7))[::40], solids.NOUNS, list(made(4, seed)), NAMES, few, (), silent) for seed in (7, 7, 8)
    )
    assert one.contents == again.contents
    assert one.contents != other.contents


def test_names_of_textures_tell_what_they_show() -> None:
    assert [kind_of(name) for name in ("pine-wood.jpg", "leaf.jpg", "rock02.jpg", "Denim_001_COLOR.jpg")] == [
        "wood",
        "foliage",
        "stone",
        "fabric",
    ]
    assert [kind_of(name) for name in ("wood_bump.jpg", "iphone.jpg", "pineSnowTexture.jpg")] == ["", "", ""]


def test_players_buy_textures_and_what_they_say_comes_with_the_same_frames(world: ArcadeWorld) -> None:
    assert {item.item_id for item in world.items} == {texture.item_id for texture in world.textures}
    assert {user.user_id for user in world.users} >= {payload.user for payload in payloads(world, "frames")}
    spoken, silent_ones = payloads(world, "spoken"), payloads(world, "frames")
    assert len(spoken) == len(silent_ones)
    for one, other in zip(spoken[::100], silent_ones[::100], strict=True):
        assert {port: value for port, value in one.values.items() if port != "audio"} == other.values
        assert one.truth == other.truth
        assert one.values["audio"]["wav"][:4] == b"RIFF"
