"""Encoded frames as pictures: decoded in the order of their stream, whatever became of some of them, in a run and beside one."""

from __future__ import annotations

import numpy as np
import pytest
from aibenchrt.answers import Encoded, answer_of, encoded_as, shown_by
from aibenchrt.collect.decoded_frames import decoded_streams, pictures_of
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.live_show.dataset import WORLDS
from aibenchrt.datasets.live_show.world import decoded
from aibenchrt.h264 import Encoder
from aibenchrt.metrics import score_each
from aibenchrt.report import quality

FRAMES = 24
GOOD = 28.0  # dB that the codec leaves


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    return list(WORLDS.load("synthetic").clips("test")[0].frames[:FRAMES])


@pytest.fixture(scope="module")
def packets(originals: list[bytes]) -> list[Encoded]:
    encoder = Encoder(96, 64, 20)
    return [Encoded(encoder.encode(decoded(png), key=number % 12 == 0), number % 12 == 0, number) for number, png in enumerate(originals)]


def request(number: int, payload: int = 0) -> RequestRecord:
    return RequestRecord(number, "frame", "measured", payload, 0, 0, number, "ok", "", (), (), "p", 0, 0)


def row(number: int, stream: int, place: int) -> ScheduleRecord:
    return ScheduleRecord(number, "frame", "measured", 0, 0, stream=stream, number=place)


def psnr(originals: list[bytes], pictures: list[bytes]) -> np.ndarray:
    return np.asarray(score_each("psnr", originals, pictures))


def test_two_streams_are_decoded_each_in_the_order_of_its_numbers(originals: list[bytes], packets: list[Encoded]) -> None:
    """Ended in another order, and numbered by the schedule, not by the packet."""
    shuffled = np.random.default_rng(3).permutation(2 * FRAMES).tolist()
    requests = [request(number) for number in shuffled]
    schedule = [row(number, number % 2, 100 + number // 2) for number in range(2 * FRAMES)]
    shown = decoded_streams(requests, schedule, {}, lambda one: packets[one.request_id // 2])
    assert shown.keys() == set(range(2 * FRAMES))
    assert psnr([originals[number // 2] for number in range(2 * FRAMES)], [shown[number] for number in range(2 * FRAMES)]).min() > GOOD


def test_without_streams_each_clip_is_one_and_the_frames_own_numbers_count(originals: list[bytes], packets: list[Encoded]) -> None:
    clip = 50
    requests = [request(number, payload=clip * (number % 2) + number // 2) for number in reversed(range(2 * FRAMES))]
    shown = decoded_streams(requests, [], {"frame": clip}, lambda one: packets[one.request_id // 2])
    assert psnr([originals[number // 2] for number in range(2 * FRAMES)], [shown[number] for number in range(2 * FRAMES)]).min() > GOOD


def test_what_never_came_leaves_an_error_until_the_next_key_frame(originals: list[bytes], packets: list[Encoded]) -> None:
    gone = 6
    shown = decoded_streams(
        [request(number) for number in range(FRAMES)],
        [row(number, 0, number) for number in range(FRAMES)],
        {},
        lambda one: None if one.request_id == gone else packets[one.request_id],
    )
    assert gone not in shown
    values = psnr(originals, [shown.get(number, b"") for number in range(FRAMES)])
    whole = psnr(originals, pictures_of(packets))
    assert values[gone] == 0.0
    assert (values[:gone] == whole[:gone]).all()
    assert (values[gone + 1 : 12] < whole[gone + 1 : 12]).any()
    assert (values[gone + 1 : 12] > 12.0).all(), "the decoder goes on with what it has"
    assert (values[12:] == whole[12:]).all()


def test_what_is_no_video_shows_nothing(packets: list[Encoded]) -> None:
    assert pictures_of([Encoded(), Encoded(b"x" * 90, True, 0), packets[3]]) == [b"", b"", b""]
    assert [bool(png) for png in pictures_of([packets[3], packets[12], packets[13]])] == [False, True, True]


def test_a_packet_is_shown_as_a_frame_and_scored_as_a_picture(originals: list[bytes], packets: list[Encoded]) -> None:
    assert shown_by(["Packet"]) == {"frame", "picture"}
    assert shown_by(["Image"]) == {"picture"}
    kind = encoded_as("picture")
    assert kind is not None
    assert kind.name == "frame"
    assert encoded_as("text") is None
    answers = [answer_of([("Packet", vars(packet).__getitem__)]) for packet in packets]
    assert [answer["frame"] for answer in answers] == packets
    scored = quality.score("psnr", [{"original": png} for png in originals], answers)
    assert scored.values is not None
    assert scored.values.min() > GOOD
    failed = quality.score("psnr", [{"original": originals[0]}] * 2, [{}, answers[0]])
    assert failed.values is not None
    assert failed.values[0] == 0.0
    assert failed.values[1] > GOOD


def test_what_does_not_count_changes_no_figure(originals: list[bytes]) -> None:
    whole = decoded(originals[0])
    masked = np.concatenate([whole, np.full((64, 96, 1), 255, dtype=np.uint8)], axis=2)
    masked[32:, 64:] = 0
    noisy = np.clip(whole.astype(int) + np.random.default_rng(1).normal(0, 9, whole.shape), 0, 255).astype(np.uint8)
    other = noisy.copy()
    other[32:, 64:] = 255 - other[32:, 64:]
    truth = colour_png(masked)
    for metric in ("psnr", "ssim"):
        one, two, plain = score_each(metric, [truth, truth, originals[0]], [colour_png(noisy), colour_png(other), colour_png(other)])
        assert one == two > plain
    with pytest.raises(ValueError, match="nothing counts"):
        score_each("psnr", [colour_png(np.zeros((64, 96, 4), dtype=np.uint8))], [truth])


def test_a_gift_is_read_where_it_lies() -> None:
    world = WORLDS.load("synthetic")
    from aibenchrt.answers import Gift

    frame = world.frame(world.scenes_of("test")[0], 0).copy()
    view = world.views("train")[0]
    frame[32:, 64:] = decoded(view.png)
    truths = [Gift(label, world.reader) for label in range(len(world.nouns))]
    assert score_each("gift_accuracy", truths, [colour_png(frame)] * len(truths)).tolist() == [
        float(label == view.label) for label in range(len(truths))
    ]
    assert score_each("gift_accuracy", truths[:3], [b"", b"no picture", colour_png(frame[:1])]).tolist() == [0.0, 0.0, 0.0]
