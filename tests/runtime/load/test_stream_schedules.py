"""The schedule of streams: whose frame is due when, what it shows, and which generator sends it."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.datasets.payload import Payload
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.ablation.variants import spread
from aibenchrt.load.messages import encode_payloads, with_id
from aibenchrt.load.moments import moment_fields
from aibenchrt.load.schedule import schedule, shard_of, used_up
from aibenchrt.plan import PlanPort, PlanRequest, PlanStreams
from aibenchrt.wire.proto import load_stubs
from shop_plan import generate
from streams_plan import moving_numbers, streams_plan

CLIP, CLIPS = 30, 8
PAYLOADS = {"frame": CLIP * CLIPS, "gift": CLIP * CLIPS}
LOAD = PlanStreams(streams=4, rate=25.0, duration_s=20.0, warmup_s=2.0, seed=7)


def classes(clip: int = CLIP) -> tuple[PlanRequest, ...]:
    ports = (PlanPort(name="shot", type="Shot"), PlanPort(name="moment", type="Moment"))
    return (
        PlanRequest(name="frame", share=0.92, dataset="show", source="frames", ports=ports, clip=CLIP),
        PlanRequest(name="gift", share=0.08, dataset="show", source="gifts", ports=ports, clip=clip),
    )


def planned(load: PlanStreams = LOAD, seed: int = 1) -> list[ScheduleRecord]:
    return schedule(load, classes(), PAYLOADS, seed)


def by_stream(rows: list[ScheduleRecord]) -> dict[int, list[ScheduleRecord]]:
    streams = defaultdict(list)
    for row in rows:
        streams[row.stream].append(row)
    return streams


def due_s(row: ScheduleRecord, load: PlanStreams = LOAD) -> float:
    return row.offset_s + (load.warmup_s if row.phase == "measured" else 0.0)


def test_each_stream_sends_a_frame_every_period_through_warm_up_and_measured_phase() -> None:
    rows = planned()
    assert [row.request_id for row in rows] == list(range(1, len(rows) + 1))
    assert [due_s(row) for row in rows] == sorted(due_s(row) for row in rows)
    streams = by_stream(rows)
    assert sorted(streams) == [0, 1, 2, 3]
    phases = set()
    for own in streams.values():
        assert [row.number for row in own] == list(range(len(own)))
        first = due_s(own[0])
        phases.add(first)
        assert 0 <= first < 1 / LOAD.rate
        assert [due_s(row) for row in own] == pytest.approx([first + k / LOAD.rate for k in range(len(own))])
        assert sum(row.phase == "measured" for row in own) == LOAD.rate * LOAD.duration_s
        assert {row.phase for row in own[:49]} == {"warmup"}
    assert len(phases) == 4


def test_frames_of_a_stream_show_its_clips_in_order_whatever_their_class() -> None:
    rows = planned()
    shares = sum(row.request_class == "gift" for row in rows) / len(rows)
    assert shares == pytest.approx(0.08, abs=0.02)
    starts = set()
    for own in by_stream(rows).values():
        starts.add(own[0].payload // CLIP)
        assert own[0].payload % CLIP == 0
        for before, after in pairwise(own):
            if after.number % CLIP:
                assert after.payload == before.payload + 1
            else:
                assert after.payload % CLIP == 0
                assert after.payload // CLIP != before.payload // CLIP
        assert {row.payload // CLIP for row in own[: CLIP * CLIPS]} == set(range(CLIPS))
    assert len(starts) == 4


def test_the_schedule_is_a_pure_function_of_its_seed() -> None:
    assert planned() == planned() != planned(seed=2)


def test_a_whole_stream_goes_to_one_generator() -> None:
    rows = planned()
    shards = [shard_of(rows, shard, 3) for shard in range(3)]
    assert sorted((row for shard in shards for row in shard), key=lambda row: row.request_id) == rows
    assert [sorted({row.stream for row in shard}) for shard in shards] == [[0, 3], [1], [2]]


def test_classes_with_other_clips_are_refused() -> None:
    with pytest.raises(EnvironmentFailure) as other:
        schedule(LOAD, classes(clip=25), PAYLOADS, 1)
    assert other.value.code == "AIB714"
    with pytest.raises(EnvironmentFailure) as cut:
        schedule(LOAD, classes(), {name: count - 1 for name, count in PAYLOADS.items()}, 1)
    assert cut.value.code == "AIB714"


def test_frames_are_used_up_once_their_stream_has_shown_every_clip() -> None:
    assert used_up(planned(PlanStreams(streams=2, rate=10.0, duration_s=8.0, warmup_s=0.0, seed=7)), PAYLOADS) == 0.0
    # Each stream has shown all of its clips after 24 s; what the other one shows is the other's.
    longer = PlanStreams(streams=2, rate=10.0, duration_s=40.0, warmup_s=0.0, seed=7)
    assert used_up(planned(longer), PAYLOADS) == pytest.approx(0.4, abs=0.01)


def test_a_moment_takes_the_place_of_the_payloads_own(tmp_path: Path) -> None:
    with moving_numbers(tmp_path / "site") as library:
        plan = streams_plan(library, LOAD)
        stubs = load_stubs(generate(plan, tmp_path / "generated"))
        values = {"moment": {"stream": 3, "number": 17}, "text": {"text": "kept"}}
        whole = encode_payloads(stubs, plan.requests, {"gift": {0: values}})["gift", 0]
        fields = moment_fields(stubs, plan.requests)
        for stream, number in ((0, 0), (2, 0), (0, 5), (300, 2**40)):
            sent = stubs.message("ScenarioRequest").FromString(with_id(whole, 9) + fields["gift"].suffix(stream, number))
            assert (sent.request_id, sent.request_class) == (9, "gift")
            assert (sent.gift.moment.stream, sent.gift.moment.number, sent.gift.text.text) == (stream, number, "kept")
            assert not sent.HasField("frame")


def test_clips_and_pairs_stay_whole_where_payloads_are_drawn() -> None:
    frame, _ = classes()
    assert frame.together == CLIP
    assert frame.model_copy(update={"clip": 0, "pair_apart_s": 1.0}).together == 2
    assert frame.model_copy(update={"clip": 0}).together == 1
    payloads = [Payload({}, {}, number, "") for number in range(CLIP * CLIPS)]
    drawn = [payload.query_id for payload in spread(payloads, 2 * CLIP + 5, frame.together)]
    assert drawn == [*range(CLIP), *range(4 * CLIP, 5 * CLIP)]
