"""Services of live streaming: the camera, the gift in the corner, and a codec that keeps a stream."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt import h264
from aibenchrt.catalog import COMPONENTS, component_module
from aibenchrt.components.video_capture.service import Gaps
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.live_show.camera import Camera
from aibenchrt.datasets.live_show.dataset import WORLDS
from aibenchrt.datasets.live_show.world import LiveShow, decoded
from aibenchrt.h264 import MOST_BYTES, DamagedStreamError, Decoder, Encoder, decoded_group, encoded_group
from aibenchrt.serve.prepare import prepare_component
from aibenchrt.values import Work


@pytest.fixture(scope="module")
def world() -> LiveShow:
    return WORLDS.load("synthetic")


def opened(world: LiveShow, component: str, **given: str | int) -> Work:
    settings = {setting.name: setting.default for setting in COMPONENTS[component].settings} | given
    folder = prepare_component(component, settings, world)
    work: Work = component_module(component, "service").open_work(folder, settings, Path("unused"))
    return work


def shot(clip: int, frame: int, stream: int, number: int) -> dict[str, Any]:
    return {"shot": {"clip": clip, "frame": frame}, "moment": {"stream": stream, "number": number}}


# -- capture


def test_the_camera_shows_the_frame_that_is_asked_for_as_its_model_sees_it(world: LiveShow) -> None:
    capture = opened(world, "video_capture")
    clean = decoded(world.clips("test")[2].frames[30])
    seen = decoded(capture(shot(2, 30, 5, 300))["image"]["png"])
    assert np.array_equal(seen, Camera(7, "show").seen(clean, 5, 300))
    assert not np.array_equal(seen, decoded(opened(world, "video_capture", seed=8)(shot(2, 30, 5, 300))["image"]["png"]))


def test_what_is_not_there_is_not_shown(world: LiveShow) -> None:
    capture = opened(world, "video_capture")
    for asked in ((99, 0, 0, 0), (-1, 0, 0, 0), (0, 125, 0, 0), (0, -1, 0, 0), (0, 0, -1, 0), (0, 0, 0, -1)):
        with pytest.raises((LookupError, ValueError), match=r"no frame|below zero"):
            capture(shot(*asked))


def test_skipped_numbers_are_counted_for_each_stream() -> None:
    gaps = Gaps(2)
    assert [gaps.before(1, number) for number in (10, 11, 14, 12, 15)] == [0, 0, 2, 0, 0]
    assert gaps.before(2, 0) == 0
    assert gaps.before(1, 17) == 1
    assert gaps.before(3, 7) == 0
    assert gaps.before(2, 50) == 0, "it was silent longest, and is forgotten"
    assert gaps.before(3, 9) == 1


# -- compose


def test_a_gift_lies_in_the_corner_and_nothing_else_changes(world: LiveShow) -> None:
    compose = opened(world, "compose")
    png = world.clips("test")[0].frames[0]
    gift = world.views("test")[0].png
    shown, frame = decoded(compose({"image": {"png": png}, "overlay": {"png": gift}})["image"]["png"]).copy(), decoded(png)
    assert np.array_equal(shown[32:, 64:], decoded(gift))
    shown[32:, 64:] = frame[32:, 64:]
    assert np.array_equal(shown, frame)
    assert compose({"image": {"png": png}})["image"]["png"] == png


def test_what_is_transparent_shows_the_frame_and_another_size_is_made_to_fit(world: LiveShow) -> None:
    compose = opened(world, "compose")
    png = world.clips("test")[0].frames[0]
    overlay = np.zeros((64, 64, 4), dtype=np.uint8)
    overlay[:32] = (250, 0, 0, 255)
    shown = decoded(compose({"image": {"png": png}, "overlay": {"png": colour_png(overlay)}})["image"]["png"])
    assert shown[34, 70].tolist() == [250, 0, 0]
    assert np.array_equal(shown[52:], decoded(png)[52:])
    narrow = colour_png(overlay[:40, :9, :3])
    for image, over in ((b"x", b""), (png, b"x"), (narrow, png)):
        values = {"image": {"png": image}} | ({"overlay": {"png": over}} if over else {})
        with pytest.raises((OSError, ValueError)):
            compose(values)


# -- codec


def frames_of(world: LiveShow, clip: int = 0) -> list[bytes]:
    return list(world.clips("test")[clip].frames)


def sent(work: Work, png: bytes, stream: int, number: int) -> dict[str, Any]:
    return dict(work({"image": {"png": png}, "moment": {"stream": stream, "number": number}})["packet"])


def psnr(png: bytes, picture: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((decoded(png).astype(float) - picture) ** 2)))


def test_a_stream_is_decoded_frame_by_frame_and_two_streams_do_not_disturb_each_other(world: LiveShow) -> None:
    work, streams = opened(world, "video_codec"), [frames_of(world, clip)[:60] for clip in (0, 1)]
    decoders = [Decoder(), Decoder()]
    keys, size = [], 0
    for number in range(60):
        for stream, frames in enumerate(streams):
            packet = sent(work, frames[number], stream, number)
            assert packet["number"] == number
            keys += [(stream, number)] if packet["key"] else []
            size += len(packet["content"])
            assert psnr(frames[number], decoders[stream].decode(packet["content"])) > 28.0
    assert keys == [(0, 0), (1, 0), (0, 50), (1, 50)]
    assert size / 120 < 96 * 64 * 3 / 10


def test_after_a_gap_the_stream_begins_with_a_key_frame_and_late_frames_disturb_nothing(world: LiveShow) -> None:
    work, frames = opened(world, "video_codec"), frames_of(world)
    arrived = (0, 1, 2, 4, 5, 3, 6, 6, 7)
    packets = [sent(work, frames[number], 0, number) for number in arrived]
    assert [packet["key"] for packet in packets] == [True, False, False, True, False, True, False, True, True]
    decoder = Decoder()
    for packet in sorted(packets, key=lambda packet: packet["number"]):
        assert psnr(frames[packet["number"]], decoder.decode(packet["content"])) > 28.0


def test_a_viewer_who_joins_late_sees_the_stream_from_the_next_key_frame_on(world: LiveShow) -> None:
    work, frames = opened(world, "video_codec", key=10), frames_of(world)
    packets = [sent(work, png, 0, number) for number, png in enumerate(frames[:21])]
    decoder = Decoder()
    with pytest.raises(DamagedStreamError):
        decoder.decode(packets[7]["content"])
    assert packets[10]["key"]
    assert psnr(frames[10], Decoder().decode(packets[10]["content"])) > 28.0


def test_the_same_frames_give_the_same_bytes_and_a_lower_crf_a_better_picture(world: LiveShow) -> None:
    frames = frames_of(world)[:5]
    one, again, worse = (
        [sent(work, png, 0, number)["content"] for number, png in enumerate(frames)]
        for work in (opened(world, "video_codec"), opened(world, "video_codec"), opened(world, "video_codec", crf=40))
    )
    assert one == again
    assert sum(map(len, worse)) < sum(map(len, one)) / 2
    assert psnr(frames[0], Decoder().decode(one[0])) > psnr(frames[0], Decoder().decode(worse[0])) + 3


def test_streams_beyond_the_most_begin_afresh(world: LiveShow) -> None:
    work, frames = opened(world, "video_codec", streams=2), frames_of(world)
    for stream in (0, 1, 2):
        assert sent(work, frames[0], stream, 0)["key"]
    assert not sent(work, frames[1], 2, 1)["key"]
    assert sent(work, frames[1], 0, 1)["key"], "it was silent longest"


def test_frames_of_one_stream_at_the_same_time(world: LiveShow) -> None:
    work, frames = opened(world, "video_codec"), frames_of(world)
    packets: dict[int, dict[str, Any]] = {}
    calls = [threading.Thread(target=lambda n=n: packets.__setitem__(n, sent(work, frames[n], 0, n))) for n in range(24)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    decoder = Decoder()
    for number in range(24):
        assert psnr(frames[number], decoder.decode(packets[number]["content"])) > 28.0


def test_a_group_is_decoded_to_its_frames(world: LiveShow) -> None:
    frames = frames_of(world)[:8]
    decode = opened(world, "video_codec", operation="decode")
    packet = {"content": encoded_group([decoded(png) for png in frames], 20), "key": True, "number": 0}
    shown = decode({"packet": packet, "moment": {"stream": 0, "number": 0}})["frames"]
    assert shown["lost"] == [False] * 8
    assert all(psnr(png, decoded(got)) > 28.0 for png, got in zip(frames, shown["png"], strict=True))
    with pytest.raises(DamagedStreamError):
        decode({"packet": {**packet, "key": False}, "moment": {"stream": 0, "number": 0}})


def test_what_is_no_stream_is_refused(world: LiveShow) -> None:
    whole = encoded_group([decoded(png) for png in frames_of(world)[:3]], 20)
    for content in (b"", b"x" * 100, bytes(MOST_BYTES + 1), whole[: len(whole) // 9]):
        with pytest.raises(DamagedStreamError):
            decoded_group(content)
        with pytest.raises(DamagedStreamError):
            Decoder().decode(content)
    with pytest.raises(ValueError, match="cannot be encoded"):
        Encoder(95, 64, 20)
    large = h264.MOST_PIXELS // 2048 + 16
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h264, "MOST_PIXELS", h264.MOST_PIXELS * 2)
        content = Encoder(2048, large, 40).encode(np.zeros((large, 2048, 3), dtype=np.uint8), key=True)
    for decode in (decoded_group, Decoder().decode):
        with pytest.raises(DamagedStreamError, match="this is not"):
            decode(content)
    work = opened(world, "video_codec")
    png, odd = frames_of(world)[0], colour_png(np.zeros((9, 9, 3), dtype=np.uint8))
    for values in ((b"no picture", 0, 0), (png, -1, 0), (png, 0, -1), (odd, 0, 0)):
        with pytest.raises((OSError, ValueError)):
            sent(work, *values)
    for setting in ({"key": 0}, {"streams": 0}, {"crf": 52}):
        with pytest.raises(ValueError, match="at least 1"):
            opened(world, "video_codec", **setting)
