"""The data set `clips`: what is in a clip, that its groups are decoded alone and near their originals, that no scene is in two splits."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from aibenchrt.component import PORT_TYPES
from aibenchrt.control.record_files import _cluster
from aibenchrt.datasets.clips import dataset, moving
from aibenchrt.datasets.clips.packets import packet_of
from aibenchrt.datasets.clips.world import GROUP, GROUPS, LENGTH, ClipsWorld, load, save
from aibenchrt.datasets.draws import rng_of
from aibenchrt.datasets.rows import SPLITS
from aibenchrt.datasets.specs import DATASETS
from aibenchrt.picture_quality import decibels, held_out
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def world() -> ClipsWorld:
    return dataset.WORLDS.load("synthetic")


def decoded(packet: bytes) -> list[Pixels]:
    codec = av.CodecContext.create("h264", "r")
    parts = [frame for part in codec.parse(packet) + codec.parse(b"") for frame in codec.decode(part)] + list(codec.decode(None))
    return [np.asarray(frame.to_ndarray(format="rgb24")) for frame in parts]


def test_a_group_is_decoded_alone_and_is_near_its_originals(world: ClipsWorld) -> None:
    """Whichever comes first: each begins with a key frame."""
    asked = dataset.payloads(world, "groups", "test")
    for payload in (asked[13], asked[2]):
        frames = decoded(payload.values["packet"]["content"])
        originals = [held_out(png) for png in payload.truth["originals"]]
        assert len(frames) == len(originals) == GROUP
        quality = [decibels(original, frame) for original, frame in zip(originals, frames, strict=True)]
        assert min(quality) > 25, "at this size colours at half the resolution cost most"
        after = held_out(payload.truth["originals"][1])
        assert decibels(originals[0], frames[0]) > decibels(after, frames[0]), "frames are in their order"


def test_the_same_frames_give_the_same_packet_and_other_frames_another(world: ClipsWorld) -> None:
    frames = [held_out(png) for png in world.clips("test")[0].frames[:GROUP]]
    assert packet_of(frames) == packet_of(frames) == world.clips("test")[0].packets[0]
    assert packet_of(frames[::-1]) != packet_of(frames)


def test_requests_are_the_groups_of_a_clip_one_after_the_other(world: ClipsWorld) -> None:
    clips = world.clips("test")
    asked = dataset.payloads(world, "groups", "test")
    source = DATASETS["clips"].sources[0]
    assert source.clip == GROUPS
    assert len(asked) == len(clips) * source.clip
    for number, payload in enumerate(asked):
        clip, group = divmod(number, source.clip)
        assert payload.query_id == number
        assert payload.values["shot"] == {"clip": clip, "frame": group * GROUP}
        assert payload.values["moment"] == {"stream": clip, "number": group}
        assert payload.user in {user.user_id for user in world.users}
        assert payload.truth["originals"] == clips[clip].frames[group * GROUP : (group + 1) * GROUP]
        assert {port.name: {field.name for field in PORT_TYPES[port.type].fields} for port in source.ports} == {
            name: set(value) for name, value in payload.values.items()
        }
    spoken = dataset.payloads(world, "spoken", "test")
    assert [payload.values | {"audio": one.values["audio"]} for payload, one in zip(asked, spoken, strict=True)] == [
        one.values for one in spoken
    ]
    assert {one.values["audio"]["wav"] for one in spoken} <= {said.wav for said in world.utterances("test")}
    assert {payload.part for payload in dataset.payloads(world, "groups", "train")} == {"fit"}
    with pytest.raises(ValueError, match="no source"):
        dataset.payloads(world, "frames")


def test_groups_of_one_clip_are_one_cluster(world: ClipsWorld) -> None:
    asked = dataset.payloads(world, "groups", "test")
    clusters = [_cluster(payload, DATASETS["clips"].clustered_by) for payload in asked]
    assert len(set(clusters)) == len(world.clips("test"))
    assert len(set(clusters[:GROUPS])) == 1


def test_no_sentence_of_the_narrator_is_in_two_splits(world: ClipsWorld) -> None:
    texts = {split: {said.text for said in world.utterances(split)} for split in SPLITS}
    assert len(set.union(*texts.values())) == sum(map(len, texts.values()))


def test_no_scene_is_in_two_splits_and_all_clips_are_as_long(world: ClipsWorld) -> None:
    scenes = {split: {kept.scene for kept in world.kept if kept.split == split} for split in SPLITS}
    assert all(scenes.values())
    assert len(set.union(*scenes.values())) == sum(map(len, scenes.values()))
    frames = {split: {png for clip in world.clips(split) for png in clip.frames} for split in SPLITS}
    assert len(set.union(*frames.values())) == sum(map(len, frames.values()))
    assert {len(clip.frames) for split in SPLITS for clip in world.clips(split)} == {LENGTH}


def test_held_out_stretches_of_a_recording_are_a_stretch_away_from_those_that_are_learnt_from() -> None:
    """Of the camera that all splits share; what is seen in the test only is in no other split."""
    vtest = dataset.STRETCHES["vtest"]
    assert min(vtest["validation"]) - max(vtest["train"]) == 2
    assert min(vtest["test"]) > max(vtest["validation"])
    assert all(set(dataset.STRETCHES[name]) == {"test"} for name in ("cup", "tree"))


def test_scenes_move(world: ClipsWorld) -> None:
    """From frame to frame a little, over a clip much more."""
    for clip in world.clips("test"):
        first, second, last = (held_out(clip.frames[place]) for place in (0, 1, LENGTH - 1))
        assert decibels(first, last) < decibels(first, second) - 3
        assert decibels(first, second) < 45


@pytest.mark.parametrize("size", [(480, 300), (96, 72), (100, 300)])
def test_a_camera_stays_within_its_picture(size: tuple[int, int]) -> None:
    """Pillow refuses a part that reaches beyond it, and here what is sampled is all of one colour."""
    width, height = size
    picture = np.full((height, width, 3), 200, dtype=np.uint8)
    for number in range(5):
        frames = list(moving.wandered(picture, 96, 72, 10, rng_of(3, f"{number}")))
        assert [frame.shape for frame in frames] == [(72, 96, 3)] * 10
        assert all((frame == 200).all() for frame in frames)


def test_a_world_is_the_same_from_the_same_seed_and_is_found_again(world: ClipsWorld, tmp_path: Path) -> None:
    made = save(replace(world, version=""), tmp_path / "world")
    assert made.version == world.version
    stored = load(tmp_path / "world")
    assert stored is not None
    assert stored.clips("validation") == world.clips("validation")
    (tmp_path / "world" / "frames.bin").write_bytes(b"other")
    assert load(tmp_path / "world") is None
    assert load(tmp_path) is None
    scene = list(moving.composed(64, 48, 3, rng_of(5, "scene")))
    assert all((one == other).all() for one, other in zip(scene, moving.composed(64, 48, 3, rng_of(5, "scene")), strict=True))
    assert io.BytesIO(world.clips("test")[0].frames[0]).read(4) == b"\x89PNG"
