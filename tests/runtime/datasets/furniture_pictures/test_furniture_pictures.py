"""The world of furniture_pictures: boxes that fit, splits by model, truth that answers, the same bytes every time; and its renderer."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.catalog import DATASETS
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.draws import rng_of
from aibenchrt.datasets.furniture_pictures import solids
from aibenchrt.datasets.furniture_pictures.captions import caption, colour_of
from aibenchrt.datasets.furniture_pictures.compose import SOURCES
from aibenchrt.datasets.furniture_pictures.dataset import CONDITIONS, WORLDS, payloads
from aibenchrt.datasets.furniture_pictures.photos import clouds, cut_out, photo, rendering
from aibenchrt.datasets.furniture_pictures.world import FurnitureWorld, catalogue_address, load, pixels, save
from aibenchrt.datasets.rasteriser import Light, Solid, Surface, view
from aibenchrt.datasets.rows import SPLITS
from aibenchrt.datasets.sources.sweethome3d import noun_of
from aibenchrt.datasets.sources.wavefront import load_solid
from aibenchrt.metrics import score_each
from aibenchrt.progress import silent

HEAD_ON = Light((0.0, 0.0, 1.0), ambient=0.0)


@pytest.fixture(scope="module", params=[pytest.param("real", marks=pytest.mark.long), "synthetic"])
def world(request: pytest.FixtureRequest) -> FurnitureWorld:
    return WORLDS.load(request.param)


@pytest.fixture(scope="module")
def synthetic() -> FurnitureWorld:
    return WORLDS.load("synthetic")


# ---- the renderer


def square(z: float, colour: tuple[float, float, float], opacity: float = 1.0, half: float = 1.0) -> tuple[np.ndarray, Surface]:
    return np.array([(-half, -half, z), (half, -half, z), (half, half, z), (-half, half, z)]), Surface(colour, opacity)


def solid_of(*squares: tuple[np.ndarray, Surface], uv: np.ndarray | None = None) -> Solid:
    faces = [corner for k in range(len(squares)) for corner in ((4 * k, 4 * k + 1, 4 * k + 2), (4 * k, 4 * k + 2, 4 * k + 3))]
    corners = np.array(faces, dtype=np.int64)
    places = np.zeros((len(corners), 3, 2)) if uv is None else uv[corners % 4]
    surface = np.repeat(np.arange(len(squares)), 2)
    return Solid(np.concatenate([points for points, _ in squares]), corners, places, surface, tuple(s for _, s in squares))


def test_what_is_nearer_hides_what_is_behind_it() -> None:
    red, blue = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    for squares in ((square(0.5, red, half=0.5), square(-0.5, blue)), (square(-0.5, blue), square(0.5, red, half=0.5))):
        picture = view(solid_of(*squares), 0.0, 0.0, HEAD_ON, 32)
        assert picture[16, 16].tolist() == [255, 0, 0, 255]
        assert picture[2, 2].tolist() == [0, 0, 255, 255]
        behind = view(solid_of(*squares), 180.0, 0.0, HEAD_ON, 32)
        assert behind[16, 16].tolist() == [0, 0, 255, 255]


def test_one_sees_through_what_is_not_opaque() -> None:
    front, back = square(0.5, (1.0, 0.0, 0.0), opacity=0.25), square(-0.5, (0.0, 0.0, 1.0))
    assert view(solid_of(front, back), 0.0, 0.0, HEAD_ON, 32)[16, 16].tolist() == [64, 0, 191, 255]
    assert view(solid_of(front), 0.0, 0.0, HEAD_ON, 32)[16, 16].tolist() == [255, 0, 0, 64]
    assert not view(solid_of(square(0.0, (1.0, 0.0, 0.0), opacity=0.0)), 0.0, 0.0, HEAD_ON, 32).any()


def test_the_right_side_up_and_a_texture_is_read_from_its_lower_left_corner() -> None:
    texture = np.array([[[10, 0, 0], [20, 0, 0]], [[30, 0, 0], [40, 0, 0]]], dtype=np.uint8)
    points, _ = square(0.0, (0.0, 0.0, 0.0))
    uv = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    picture = view(solid_of((points, Surface((0.0, 0.0, 0.0), 1.0, texture)), uv=uv), 0.0, 0.0, HEAD_ON, 32)
    assert [int(picture[line, column, 0]) for line, column in ((8, 8), (8, 24), (24, 8), (24, 24))] == [10, 20, 30, 40]


def test_a_surface_that_faces_the_light_is_brighter() -> None:
    wall = solid_of(square(0.0, (1.0, 1.0, 1.0)))
    levels = [int(view(wall, 0.0, 0.0, Light((x, 0.0, 1.0), 0.2), 16)[8, 8, 0]) for x in (0.0, 1.0, 4.0)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 255
    assert levels[2] < 255 * 0.5


def test_an_obj_file_with_polygons_and_materials() -> None:
    points = b"mtllib a.mtl\nv 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\nvt 0 0\nvt 1 1\n"
    obj = points + b"usemtl wood\nf 1/1 2/2 3/2 4/1\nusemtl none\nf -4 -3 -2\nf 1//1 3//1 4//1\n"
    files = {"a.mtl": b"newmtl wood\nKd 0.5 0.25 0\nd 0.5\nmap_Kd gone.png\n"}
    solid, names = load_solid(obj, files.__getitem__)
    assert names == ("wood", "none")
    assert solid.corners.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2], [0, 2, 3]]
    assert solid.surface.tolist() == [0, 0, 1, 1]
    assert solid.uv[0].tolist() == [[0, 0], [1, 1], [1, 1]]
    assert (solid.surfaces[0].colour, solid.surfaces[0].opacity, solid.surfaces[0].texture) == ((0.5, 0.25, 0.0), 0.5, None)
    assert solid.areas().tolist() == [1.0, 1.0, 1.0, 1.0]
    for damaged in (b"v 0 0 0\n", b"v 0 0 0\nf 1 2 3\n"):
        with pytest.raises(ValueError, match=r"model without faces|corner that the file does not contain"):
            load_solid(damaged, files.__getitem__)


def test_a_picture_survives_its_encoding() -> None:
    image = np.random.default_rng(3).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    assert np.array_equal(pixels(colour_png(image)), image)


# ---- photos and words


def test_a_box_is_exactly_where_the_thing_changed_the_background() -> None:
    how = CONDITIONS["synthetic"]
    for number, piece in enumerate(solids.pieces(3, seed=5)):
        rng = rng_of(5, f"box {number}")
        thing, background = rendering(piece.solid, how, rng), np.full((how.side, how.side, 3), 255, dtype=np.uint8)
        plain = type(how)(**{**vars(how), "grain": 0.0, "step": 1})
        image, ((frame, degrees),) = photo(background, [thing], plain, rng)
        changed = np.abs(image.astype(int) - 255).max(2) > 150  # what is dark enough to be neither background nor a seam
        lines, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        left, top, right, bottom = frame
        assert abs(degrees) <= how.turned
        assert left <= columns[0] and columns[-1] < right and top <= lines[0] and lines[-1] < bottom  # noqa: PT018


def test_cutting_out_turns_back() -> None:
    """A bar that lies askew stands upright again, and one that is cut out as it is does not."""
    how = CONDITIONS["synthetic"]
    bar = np.zeros((60, 12, 4), dtype=np.uint8)
    bar[:, :, 3] = 255
    white = np.full((how.side, how.side, 3), 255, dtype=np.uint8)
    rng = next(rng for seed in range(50) if abs((rng := rng_of(seed, "bar")).uniform(-how.turned, how.turned)) > 30)
    image, ((frame, degrees),) = photo(white, [bar], how, rng)

    def width(angle: float) -> int:
        return int((cut_out(image, frame, angle, 64).mean(2) < 128).any(0).sum())

    assert abs(degrees) > 10
    assert width(degrees) < width(0.0)
    assert width(degrees) < width(-degrees)


def test_colours_by_name() -> None:
    def named(red: int, green: int, blue: int) -> str:
        return colour_of(np.full((2, 2, 4), (red, green, blue, 255), dtype=np.uint8))

    said = {
        "black": (10, 10, 12), "white": (250, 250, 250), "grey": (128, 128, 128), "red": (200, 20, 20), "green": (30, 150, 40),
        "blue": (30, 60, 200), "yellow": (230, 220, 30), "brown": (110, 70, 40), "beige": (225, 205, 170), "orange": (250, 140, 20),
        "purple": (120, 30, 160), "pink": (240, 160, 190),
    }  # fmt: skip
    assert {name: named(*colour) for name, colour in said.items()} == {name: name for name in said}
    assert colour_of(np.zeros((2, 2, 4), dtype=np.uint8)) == "grey"
    assert (caption("table", "orange", ""), caption("chair", "brown", "wooden")) == ("an orange table", "a brown wooden chair")


def test_nouns_of_names() -> None:
    said = {"Oak chair": "chair", "Seat Leon": "vehicle", "Table fan": "appliance", "TV stand": "cabinet", "Cup cake": "", "Hammer": ""}
    assert {name: noun_of(name) for name in said} == said


# ---- the world


def test_every_model_is_in_one_split_and_its_photos_too(world: FurnitureWorld) -> None:
    split = {piece.item_id: piece.split for piece in world.pieces}
    assert all(split[box.item_id] == shot.split for shot in world.shots for box in shot.boxes)
    assert all({piece.split for piece in world.pieces if piece.label == label} == set(SPLITS) for label in range(len(world.categories)))
    held_out = Counter(split.values())["test"] / len(split)
    assert 0.3 < held_out < 0.4
    assert len({piece.key for piece in world.pieces}) == len(world.pieces)
    assert [piece.item_id for piece in world.pieces] == list(range(1, len(world.pieces) + 1))


def test_boxes_lie_in_the_photo_and_the_wanted_thing_is_first_and_not_small(world: FurnitureWorld) -> None:
    side = CONDITIONS[world.variant].side
    assert pixels(world.pngs[0]).shape == (side, side, 3)
    for shot in world.shots:
        assert shot.boxes[0].item_id == shot.item_id
        assert all(0 <= box.left < box.right <= side and 0 <= box.top < box.bottom <= side for box in shot.boxes)
        assert max(shot.boxes[0].right - shot.boxes[0].left, shot.boxes[0].bottom - shot.boxes[0].top) > side / 4
    assert {len(shot.boxes) for shot in world.shots} == {1, 2}


def test_photos_for_a_classifier_are_the_upright_views(world: FurnitureWorld) -> None:
    assert world.photos.images.shape == (len(world.shots), 32, 32, 3)
    for split in SPLITS:
        images, labels = world.photos.of(split)
        asked = world.photo_queries_of(split)
        assert labels.tolist() == [view.label for view in world.views(split)] == [query.label for query in asked]
        assert [query.photo for query in asked] == world.photos.rows(split).tolist()
        larger = pixels(world.views(split)[0].png).astype(float).reshape(32, 2, 32, 2, 3).mean((1, 3))
        assert np.corrcoef(images[0].ravel(), larger.ravel())[0, 1] > 0.9
    assert world.photo_queries_of("train", "fit") == world.photo_queries_of("train")
    assert world.photo_queries_of("train", "rank") == ()


def test_requests_have_what_their_source_declares(world: FurnitureWorld) -> None:
    spec = DATASETS["furniture_pictures"]
    assert tuple(source.name for source in spec.sources) == SOURCES
    for source in spec.sources:
        for split in SPLITS:
            asked = payloads(world, source.name, split)
            assert asked
            assert [payload.query_id for payload in asked] == list(range(len(asked)))
            for payload in asked:
                assert set(payload.values) == {port.name for port in source.ports}
                assert set(payload.truth) == set(spec.truth_types)
                (wanted,) = payload.truth["relevant"]
                assert world.piece[wanted].split == split
                assert world.piece[wanted].label == payload.truth["label"]
                assert payload.user == wanted
                assert wanted in payload.truth["same_class"]
                assert {world.piece[item].label for item in payload.truth["same_class"]} == {payload.truth["label"]}
                assert (payload.truth["boxes"].labels[0], len(payload.truth["boxes"].corners)) == (
                    payload.truth["label"], len(payload.truth["boxes"].labels),
                )  # fmt: skip
                assert abs(payload.truth["angle"]) <= CONDITIONS[world.variant].turned
    kept = [payload for payload in payloads(world, "addresses") if payload.values["text"]["text"].startswith("/catalogue/")]
    assert [payload.user for payload in kept] == [piece.item_id for piece in world.pieces if piece.split == "test"]
    for payload in kept:
        (frame,), png = payload.truth["boxes"].corners, world.hosted[payload.values["text"]["text"]]
        assert (pixels(png) == 255).all(axis=2)[: int(frame[1])].all()
        assert payload.truth["angle"] == 0.0
    with pytest.raises(ValueError, match="no source"):
        payloads(world, "queries")


def test_words_name_the_wanted_thing_and_addresses_lead_to_its_picture(world: FurnitureWorld) -> None:
    for payload in payloads(world, "photos_with_words"):
        assert world.categories[payload.truth["label"]] in str(payload.values["text"]["text"]).split()
    kept = {shot.address: shot.item_id for shot in world.shots if shot.address}
    kept |= {catalogue_address(piece.item_id): piece.item_id for piece in world.pieces}
    assert kept.keys() == world.hosted.keys()
    for payload in payloads(world, "addresses"):
        address = str(payload.values["text"]["text"])
        assert (kept[address],) == payload.truth["relevant"]
        assert address in world.hosted


def test_the_catalogue_has_a_picture_of_every_model_and_items_begin_with_their_title(world: FurnitureWorld) -> None:
    assert [entry.item_id for entry in world.catalogue] == [item.item_id for item in world.items]
    assert all(item.text.startswith(item.title) and item.text.endswith(world.caption(item.item_id)) for item in world.items)
    assert all(len(set(world.of_noun(label))) >= 3 for label in range(len(world.categories)))
    assert len({entry.png for entry in world.catalogue}) > 0.9 * len(world.catalogue)
    assert all(piece.licence and piece.author for piece in world.pieces)


def nearest(pictures: list[np.ndarray], catalogue: np.ndarray) -> list[tuple[int, ...]]:
    """The ten catalogue entries with the smallest distance by pixels, best first."""
    return [tuple((np.argsort(((catalogue - picture) ** 2).sum(1), kind="stable")[:10] + 1).tolist()) for picture in pictures]


def small(png: bytes) -> np.ndarray:
    picture = pixels(png)
    return cut_out(picture, (0, 0, picture.shape[1], picture.shape[0]), 0.0, 16).astype(np.float64).ravel()


def test_boxes_help_to_find_the_model(world: FurnitureWorld) -> None:
    """Raw pixels find more with the thing cut out and upright than with the whole photo: the truth belongs to the picture."""
    catalogue = np.stack([small(entry.png) for entry in world.catalogue])
    wanted = [(shot.item_id,) for shot, _ in world.shot("test")]
    recall = {
        name: float(score_each("recall@10", wanted, nearest([small(png) for png in pictures], catalogue)).mean())
        for name, pictures in {
            "whole": [photo.png for photo in world.boxed("test")],
            "upright": [cut.png for cut in world.views("test")],
        }.items()
    }
    chance = 10 / len(world.pieces)
    assert recall["upright"] > recall["whole"], recall
    assert recall["upright"] > 2 * chance, recall


def test_a_seed_gives_the_same_bytes_and_another_one_others(synthetic: FurnitureWorld, tmp_path: Path) -> None:
    again = WORLDS.makers["synthetic"](synthetic.seed, silent)
    assert save(again, tmp_path / "again").version == synthetic.version
    one, other = (next(solids.pieces(1, seed)).solid for seed in (synthetic.seed, synthetic.seed + 1))
    assert not np.array_equal(one.points, other.points)


def test_what_was_saved_is_loaded_and_damage_is_seen(synthetic: FurnitureWorld, tmp_path: Path) -> None:
    save(synthetic, tmp_path / "world")
    again = load(tmp_path / "world")
    assert again is not None
    assert (again.pieces, again.shots, list(again.pngs), again.version) == (
        synthetic.pieces, synthetic.shots, list(synthetic.pngs), synthetic.version,
    )  # fmt: skip
    with (tmp_path / "world" / "photos.bin").open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"\0\1\2\3")
    assert load(tmp_path / "world") is None
    shutil.rmtree(tmp_path / "world")
    assert load(tmp_path / "world") is None


def test_clouds_differ() -> None:
    rng = rng_of(1, "clouds")
    assert not np.array_equal(clouds(32, rng), clouds(32, rng))
