"""The world of live_show: clips that move, splits by model and wall, aligned sources, a camera that dims, the same bytes every time."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aibenchrt.catalog import DATASETS
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.control.record_files import truth_of
from aibenchrt.datasets.live_show.camera import Camera
from aibenchrt.datasets.live_show.dataset import CLIP, SOURCES, WORLDS, payloads
from aibenchrt.datasets.live_show.scenes import HEIGHT, WIDTH
from aibenchrt.datasets.live_show.world import LiveShow, decoded, load, save
from aibenchrt.datasets.rows import SPLITS
from aibenchrt.gifts import gift_box, reader_of
from aibenchrt.h264 import Decoder, Encoder
from aibenchrt.metrics import score_each


@pytest.fixture(scope="module", params=[pytest.param("real", marks=pytest.mark.long), "synthetic"])
def world(request: pytest.FixtureRequest) -> LiveShow:
    return WORLDS.load(request.param)


@pytest.fixture(scope="module")
def synthetic() -> LiveShow:
    return WORLDS.load("synthetic")


def test_goods_and_walls_are_in_one_split(world: LiveShow) -> None:
    split = {one.item_id: one.split for one in world.goods}
    assert all(split[actor.item_id] == scene.split for scene in world.scenes for actor in scene.actors)
    assert all({one.split for one in world.goods if one.label == label} == set(SPLITS) for label in range(len(world.nouns)))
    assert len({scene.wall for scene in world.scenes}) == len(world.scenes)
    for name in SPLITS:
        assert {split[view.item_id] for view in world.views(name)} == {name}
        assert {view.label for view in world.views(name)} == set(range(len(world.nouns)))


def test_a_clip_moves_without_jumps_and_no_two_frames_are_the_same(synthetic: LiveShow) -> None:
    for clip in synthetic.clips("test"):
        frames = np.stack([decoded(png) for png in clip.frames]).astype(np.int16)
        assert frames.shape == (CLIP, HEIGHT, WIDTH, 3)
        steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
        assert steps.max() < 15.0
        assert (steps > 0).mean() > 0.9
        assert len(clip.frames[3:7:2]) == 2
        with pytest.raises(IndexError):
            clip.frames[CLIP]


def test_it_can_be_sent_to_another_process_when_frames_have_been_drawn(synthetic: LiveShow) -> None:
    row = synthetic.scenes_of("test")[0]
    drawn = synthetic.frame(row, 3)
    there = pickle.loads(pickle.dumps(synthetic))
    assert (there.frame(row, 3) == drawn).all()


def test_sources_are_aligned_and_have_what_they_declare(world: LiveShow) -> None:
    spec = DATASETS["live_show"]
    assert tuple(source.name for source in spec.sources) == SOURCES
    shots = {}
    for source in spec.sources:
        asked = payloads(world, source.name)
        assert source.clip == world.clip
        assert len(asked) == len(world.clips("test")) * world.clip
        assert [payload.query_id for payload in asked] == list(range(len(asked)))
        assert all(set(payload.values) == {port.name for port in source.ports} for payload in asked)
        assert all(set(payload.truth) <= set(spec.truth_types) for payload in asked)
        shots[source.name] = [(payload.values["shot"]["clip"], payload.values["shot"]["frame"]) for payload in asked]
    assert shots["frames"] == shots["gifts"] == shots["spoken"] == [divmod(k, world.clip) for k in range(len(shots["frames"]))]
    clips = world.clips("test")
    for payload in payloads(world, "frames")[::60]:
        shot = payload.values["shot"]
        assert payload.truth["original"] == clips[shot["clip"]].frames[shot["frame"]]
    with pytest.raises(ValueError, match="no source"):
        payloads(world, "queries")


def test_what_lies_under_a_gift_does_not_count(synthetic: LiveShow) -> None:
    frame, gift = payloads(synthetic, "frames")[7], payloads(synthetic, "gifts")[7]
    left, top, right, bottom = gift_box(WIDTH, HEIGHT)
    whole, outside = decoded(frame.truth["original"]), decoded(gift.truth["original"])
    assert (left, top, right, bottom) == (64, 32, 96, 64)
    assert not outside[top:bottom, left:right].any()
    assert set(frame.truth) == {"original"}
    assert set(gift.truth) == {"original", "gift"}
    assert gift.truth["gift"].label == gift.values["wish"]["label"]
    outside = outside.copy()
    outside[top:bottom, left:right] = whole[top:bottom, left:right]
    assert np.array_equal(outside, whole)


def test_the_reader_reads_goods_that_it_has_not_seen(world: LiveShow) -> None:
    """Also from a frame, after the codec; chance is 1 in 6 or 8."""
    reader, views = reader_of(world.reader), world.views("test")
    pictures, labels = np.stack([decoded(view.png) for view in views]), np.array([view.label for view in views])
    assert (reader.labels(pictures) == labels).mean() > (0.65 if world.variant == "real" else 0.7)
    some = np.linspace(0, len(views) - 1, 60).astype(int).tolist()
    frames = [world.frame(world.scenes_of("test")[0], number).copy() for number in range(len(some))]
    left, top, right, bottom = gift_box(WIDTH, HEIGHT)
    for frame, place in zip(frames, some, strict=True):
        frame[top:bottom, left:right] = pictures[place]
    seen = [reader.in_frame(Decoder().decode(Encoder(WIDTH, HEIGHT, 20).encode(frame, key=True))) for frame in frames]
    alone = reader.labels(pictures[some])
    assert np.mean(seen == alone) > 0.8


def test_what_is_no_reader_is_refused(synthetic: LiveShow) -> None:
    damaged = bytearray(synthetic.reader)
    damaged[-2:] = b"\x00\x7e"  # not a number
    for content in (b"", b"x" * 500, synthetic.reader[:-8], bytes(damaged)):
        with pytest.raises(ValueError, match="no reader"):
            reader_of(content)


def test_intervals_draw_whole_clips(synthetic: LiveShow, tmp_path: Path) -> None:
    plan: Any = SimpleNamespace(requests=[SimpleNamespace(name="frame", dataset="show")], datasets={"show": "live_show"})
    asked = payloads(synthetic, "gifts")
    rows = [ScheduleRecord(k, "frame", "measured", k, 0.0) for k in range(len(asked))]
    truth = truth_of(rows, plan, {"frame": asked}, Contents(tmp_path))
    assert len({row.cluster for row in truth}) == len(synthetic.clips("test"))
    assert len({row.cluster for row in truth[:CLIP]}) == 1
    assert len(list(tmp_path.iterdir())) < len(asked) + 10, "a reader is kept once for each noun"


def test_the_camera_dims_and_its_noise_follows_from_seed_stream_and_number() -> None:
    frame = np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)
    camera = Camera(7, "show")
    seen = camera.seen(frame, 3, 40)
    assert seen.mean() < 195
    assert 10 < seen.std() < 60
    assert seen[:8, :8].mean() < seen[28:36, 44:52].mean(), "corners are darker"
    assert np.array_equal(seen, Camera(7, "show").seen(frame, 3, 40))
    others = [
        Camera(8, "show").seen(frame, 3, 40),
        Camera(7, "pairs").seen(frame, 3, 40),
        camera.seen(frame, 4, 40),
        camera.seen(frame, 3, 41),
    ]
    assert all(np.corrcoef(seen.ravel(), other.ravel())[0, 1] < 0.5 for other in others)
    black = camera.seen(np.zeros_like(frame), 0, 0)
    assert black.mean() < 15


def test_pairs_are_frames_before_and_after_the_camera(world: LiveShow) -> None:
    pairs = world.changed("test")
    psnr = score_each("psnr", [pair.after for pair in pairs], [pair.before for pair in pairs])
    assert len(pairs) == len(world.scenes_of("test")) * 25
    assert 14.0 < psnr.mean() < 20.0
    scenes = {name: {pair.scene for pair in world.changed(name)} for name in SPLITS}
    assert sum(map(len, scenes.values())) == len(world.scenes)


def test_what_the_host_says_is_in_one_split(synthetic: LiveShow) -> None:
    texts = {name: {said.text for said in synthetic.utterances(name)} for name in SPLITS}
    assert not texts["train"] & texts["test"]
    assert not texts["validation"] & (texts["train"] | texts["test"])


def test_a_world_is_the_same_when_it_is_read_again_and_not_when_a_file_has_changed(synthetic: LiveShow, tmp_path: Path) -> None:
    saved = save(synthetic, tmp_path / "world")
    assert saved.version == synthetic.version
    again = load(tmp_path / "world")
    assert again is not None
    assert (again.scenes, again.goods, again.items, again.users) == (synthetic.scenes, synthetic.goods, synthetic.items, synthetic.users)
    assert np.array_equal(again.frame(3, 50), synthetic.frame(3, 50))
    with (tmp_path / "world" / "walls.bin").open("ab") as file:
        file.write(b"x")
    assert load(tmp_path / "world") is None
    shutil.rmtree(tmp_path / "world")
    assert load(tmp_path / "world") is None


def test_another_seed_makes_another_world(synthetic: LiveShow) -> None:
    other = WORLDS.makers["synthetic"](8, lambda *_: None)
    assert other.scenes != synthetic.scenes
    assert not np.array_equal(other.frame(0, 0), synthetic.frame(0, 0))


def test_a_frame_without_room_for_a_gift() -> None:
    for width, height in ((96, 1), (20, 64), (0, 0)):
        with pytest.raises(ValueError, match="no room"):
            gift_box(width, height)
