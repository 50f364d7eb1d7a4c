"""Tasks that keep a state for each stream: real replicas, one of which is killed under load."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.collect.records import CallRecord
from aibenchrt.control.local.process import Processes
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import use_as_planned
from aibenchrt.plan import PlanStreams, StageFeed
from aibenchrt.planner.streams import MOST_MOVED, Homes, stream_port
from aibenchrt.wire.tls import open_channel
from replicas import Parts
from shop_plan import generate
from streams_plan import moving_numbers, streams_plan

LOAD = PlanStreams(streams=4, rate=25.0, duration_s=20.0, warmup_s=2.0, seed=7)


def _processes(folder: Path) -> Processes:
    (folder / "logs").mkdir()
    return Processes(folder / "logs")


def test_a_stream_moves_to_the_next_replica_and_stays_there() -> None:
    homes = Homes(3)
    assert [homes.of(stream) for stream in range(5)] == [0, 1, 2, 0, 1]
    homes.move(2, 2)
    assert homes.of(2) == 0
    homes.move(2, 2)  # another frame of the same moment: it has moved already
    assert homes.of(2) == 0
    assert homes.of(5) == 2
    homes.move(2, 0)
    assert homes.of(2) == 1


def test_no_more_than_so_many_moved_streams_are_remembered() -> None:
    homes = Homes(2)
    for stream in range(0, 4 * MOST_MOVED, 2):
        homes.move(stream, 0)
    assert homes.of(0) == 0
    assert homes.of(4 * MOST_MOVED - 2) == 1
    assert len(homes._moved) == MOST_MOVED


def test_only_a_step_that_takes_the_moment_can_be_led_by_it(tmp_path: Path) -> None:
    with moving_numbers(tmp_path) as library:
        plan = streams_plan(library, LOAD)
        use_as_planned(plan.libraries)
        (step,) = plan.steps
        assert stream_port(step) == "moment"
        fed = step.stages[0].model_copy(update={"feeds": (StageFeed(input="moment", stage=None, port="when"),)})
        assert stream_port(step.model_copy(update={"stages": (fed,)})) == "when"
        inside = step.stages[0].model_copy(update={"feeds": (StageFeed(input="moment", stage="first", port="moment"),)})
        for wrong in (step.model_copy(update={"stages": (inside,)}), step.model_copy(update={"kind": "ai"})):
            with pytest.raises(EnvironmentFailure, match="AIB715"):
                stream_port(wrong)


def test_streams_of_a_killed_replica_move_to_the_next_and_begin_afresh(tmp_path: Path) -> None:
    with moving_numbers(tmp_path / "site") as library, _processes(tmp_path) as processes:
        plan = streams_plan(library, LOAD, replicas=3)
        generate(plan, tmp_path / "generated")
        (tmp_path / "prepared" / "count").mkdir(parents=True)
        running = Parts(plan, tmp_path, processes)
        running.start_all()
        numbers, ids = itertools.count(), itertools.count(1)

        def ask(frames: int, streams: range = range(6)) -> None:
            message = running.stubs().message("ScenarioRequest")
            reply = running.stubs().message("ScenarioReply")
            with open_channel(running.endpoint("planner"), None, "planner") as channel:
                call: Any = channel.unary_unary(
                    f"/{running.stubs().package}.ScenarioService/Ask",
                    request_serializer=message.SerializeToString,
                    response_deserializer=reply.FromString,
                )
                for _ in range(frames):
                    number = next(numbers)
                    sent = [
                        call.future(
                            message(
                                request_id=next(ids), request_class="frame", frame={"moment": {"stream": s, "number": number}, "text": {}}
                            ),
                            timeout=60,
                        )
                        for s in streams
                    ]
                    assert [future.code() for future in sent if future.exception() is not None] == []

        ask(10)
        running.kill("count", 1)
        ask(10)
        running.start("count", 1)
        ask(10)
        assert running.stop("planner") == 0
        calls = sorted(running.calls(), key=lambda call: call.request_id)
        of_stream: dict[int, list[CallRecord]] = defaultdict(list)
        for call in calls:
            of_stream[(call.request_id - 1) % 6].append(call)
        endpoints = [running.endpoint("count", replica) for replica in range(3)]
        for stream, own in of_stream.items():
            first, second = endpoints[stream % 3], endpoints[2 if stream % 3 == 1 else stream % 3]
            assert [call.endpoint for call in own] == [first] * 10 + [second] * 20
            counted = [int(call.note[0].removeprefix("frames=")) for call in own]
            assert counted == (list(range(1, 31)) if first == second else [*range(1, 11), *range(1, 21)])
            assert sum("attempts=2" in call.note for call in own) == (first != second)


def test_calls_fail_when_no_replica_is_left(tmp_path: Path) -> None:
    with moving_numbers(tmp_path / "site") as library, _processes(tmp_path) as processes:
        plan = streams_plan(library, LOAD, replicas=2)
        generate(plan, tmp_path / "generated")
        (tmp_path / "prepared" / "count").mkdir(parents=True)
        running = Parts(plan, tmp_path, processes)
        running.start_all()
        message = running.stubs().message("ScenarioRequest")
        with open_channel(running.endpoint("planner"), None, "planner") as channel:
            call: Any = channel.unary_unary(f"/{running.stubs().package}.ScenarioService/Ask", request_serializer=message.SerializeToString)
            asked = message(request_id=1, request_class="frame", frame={"moment": {"stream": 0, "number": 0}, "text": {}})
            call(asked, timeout=60)
            for replica in (0, 1):
                running.kill("count", replica)
            with pytest.raises(grpc.RpcError) as failed:
                call(asked, timeout=60)
        assert "UNAVAILABLE" in failed.value.details()
