"""Payloads that are sent once, and payloads that come in pairs, under every kind of load; schedules without them are as they ever were."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.load.pairs import apart_s, is_first, is_second, leaders
from aibenchrt.load.schedule import WHEN_FREE, schedule, shard_of, used_up
from aibenchrt.load.supplement import supplement_rows
from aibenchrt.load.turns import Phases, Turns
from aibenchrt.plan import PlanConstant, PlanLoad, PlanPoisson, PlanRequest, PlanSessions, PlanTrace, PlanUsers
from aibenchrt.report.statistics import arrival_fit
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_plan import shop_plan

TRACE = tuple(0.05 * n for n in range(2000))
S = 1_000_000_000
PAYLOADS = 40_000

LOADS: dict[str, PlanLoad] = {
    "poisson": PlanPoisson(rate=40.0, duration_s=30.0, warmup_s=5.0, seed=3),
    "constant": PlanConstant(rate=25.0, duration_s=30.0, warmup_s=5.0, seed=3),
    "sessions": PlanSessions(rate=40.0, think_s=0.5, duration_s=30.0, warmup_s=5.0, seed=3),
    "trace": PlanTrace(trace="trace.txt", mean_rate=20.0, duration_s=30.0, warmup_s=5.0, seed=3),
    "users": PlanUsers(users=9, think_s=0.3, duration_s=30.0, warmup_s=5.0, seed=3),
}
kinds = pytest.mark.parametrize("kind", LOADS)


def plain(name: str, share: float, once: bool = True) -> PlanRequest:
    return PlanRequest(name=name, share=share, dataset="d", source=name, ports=(), once=once)


def paired(name: str, share: float, apart: float, once: bool = True) -> PlanRequest:
    return plain(name, share, once).model_copy(update={"pair_apart_s": apart})


CLASSES = (plain("genuine", 0.6), plain("query", 0.1, once=False), paired("replays", 0.2, 2.0), paired("doubles", 0.1, 0.0))


def planned(load: PlanLoad, requests: Sequence[PlanRequest] = CLASSES, seed: int = 7, payloads: int = PAYLOADS) -> list[ScheduleRecord]:
    return schedule(load, requests, {request.name: payloads for request in requests}, seed, TRACE)


def times(load: PlanLoad, rows: Sequence[ScheduleRecord]) -> list[float]:
    return [row.offset_s + (load.warmup_s if row.phase == "measured" else 0.0) for row in rows]


def whole_pairs(rows: Sequence[ScheduleRecord], at: Sequence[float], apart: Mapping[str, float]) -> int:
    """How many pairs there are; fails where one is not whole."""
    first: dict[tuple[str, int], tuple[ScheduleRecord, float]] = {}
    seconds = 0
    for row, time in zip(rows, at, strict=True):
        if is_first(row, apart):
            assert (row.request_class, row.payload // 2) not in first, "a repeat"
            first[row.request_class, row.payload // 2] = (row, time)
        elif is_second(row, apart):
            before, begun = first[row.request_class, row.payload // 2]
            assert before.phase == row.phase
            assert time - begun == pytest.approx(apart[row.request_class], abs=1e-9)
            seconds += 1
    assert seconds == len(first)
    return seconds


# -- schedules


@kinds
def test_what_is_sent_once_is_never_repeated_and_the_rest_is(kind: str) -> None:
    rows = planned(LOADS[kind])
    asked: dict[str, list[int]] = {}
    for row in rows:
        asked.setdefault(row.request_class, []).append(row.payload)
    for request in CLASSES:
        own = asked[request.name]
        assert (len(set(own)) == len(own)) is request.once, request.name
    assert used_up(rows, dict.fromkeys(asked, PAYLOADS)) == 0.0
    assert rows == planned(LOADS[kind]) != planned(LOADS[kind], seed=8)


@pytest.mark.parametrize("kind", [kind for kind in LOADS if kind != "users"])
@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_whole_in_one_phase_and_as_far_apart_as_they_should_be(kind: str, seed: int) -> None:
    load = LOADS[kind]
    rows = planned(load, seed=seed)
    at = times(load, rows)
    assert at == sorted(at)
    assert [row.request_id for row in rows] == list(range(1, len(rows) + 1))
    assert at[-1] < load.warmup_s + load.duration_s
    assert whole_pairs(rows, at, apart_s(CLASSES)) > 20
    doubles = [position for position, row in enumerate(rows) if row.request_class == "doubles"]
    assert all(second == first + 1 for first, second in zip(doubles[::2], doubles[1::2], strict=True))


@given(
    st.floats(0.0, 6.0), st.floats(0.02, 0.98), st.floats(0.0, 4.0), st.floats(0.5, 9.0), st.integers(0, 2**31), st.booleans(),
    st.sampled_from(["poisson", "constant", "sessions", "trace"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_pairs_are_whole_whatever_the_load(
    apart: float, share: float, warmup_s: float, duration_s: float, seed: int, once: bool, kind: str
) -> None:
    requests = (paired("pairs", share, apart, once), plain("rest", 1 - share, once))
    load = LOADS[kind].model_copy(update={"warmup_s": warmup_s, "duration_s": duration_s})
    rows = planned(load, requests, seed)
    at = times(load, rows)
    assert at == sorted(at)
    assert all(time < warmup_s + duration_s for time in at)
    if once:
        whole_pairs(rows, at, apart_s(requests))
        assert len({(row.request_class, row.payload) for row in rows}) == len(rows)
    first = leaders(rows, {"pairs"})
    for position, row in enumerate(rows):
        mate = at[first[position]]
        assert at[position] - mate == pytest.approx(apart if is_second(row, {"pairs"}) else 0.0, abs=1e-9)
        assert rows[first[position]].phase == row.phase
    if apart >= max(warmup_s, duration_s):
        assert not any(row.request_class == "pairs" for row in rows)


@kinds
def test_a_share_counts_requests_and_not_pairs(kind: str) -> None:
    load = LOADS[kind].model_copy(update={"duration_s": 90.0, "warmup_s": 0.0})
    apart = {"doubles": 0.0, "genuine": 0.0}
    requests = (plain("genuine", 0.7), paired("doubles", 0.3, apart["doubles"]))
    if kind == "users":
        load = load.model_copy(update={"users": 20})
    shares = [Counter(row.request_class for row in planned(load, requests, seed)) for seed in range(6)]
    share = sum(count["doubles"] for count in shares) / sum(count.total() for count in shares)
    assert share == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("kind", ["poisson", "constant", "trace"])
def test_pairs_do_not_change_how_many_requests_there_are(kind: str) -> None:
    load = LOADS[kind].model_copy(update={"duration_s": 90.0, "warmup_s": 0.0})
    counts = [len(planned(load, (plain("genuine", 0.5), paired("doubles", 0.5, 0.0)), seed)) for seed in range(10)]
    alone = len(planned(load, (plain("genuine", 1.0),)))
    assert np.mean(counts) == pytest.approx(alone, rel=0.03)


def test_the_beginnings_of_pairs_and_the_rest_are_a_poisson_process_together() -> None:
    requests = (plain("genuine", 0.4), paired("doubles", 0.6, 0.0))
    load = PlanPoisson(rate=50.0, duration_s=100.0, warmup_s=0.0, seed=3)
    fits = []
    for seed in range(12):
        rows = planned(load, requests, seed)
        begun = np.array([row.offset_s for row in rows if not is_second(row, {"doubles"})])
        fits.append(arrival_fit(begun, 50.0 * 0.7).ks_p)
        assert arrival_fit(np.array([row.offset_s for row in rows]), 50.0).ks_p < 1e-6, "all of them are not"
    assert min(fits) > 0.001
    assert max(fits) > 0.1


@kinds
def test_running_out_is_said_before_anything_is_sent(kind: str) -> None:
    with pytest.raises(EnvironmentFailure, match=r"AIB712.*genuine.*there are 100") as failure:
        planned(LOADS[kind], payloads=100)
    assert "shorten the run" in failure.value.hint
    needed = int(failure.value.message.split("need ")[1].split(" ")[0].replace(",", ""))
    enough = {request.name: int(1.5 * needed) if request.name == "genuine" else PAYLOADS for request in CLASSES}
    asked = Counter(row.request_class for row in schedule(LOADS[kind], CLASSES, enough, 7, TRACE))
    assert asked["genuine"] == pytest.approx(needed, rel=0.4)  # another number of payloads is another draw of the classes
    with pytest.raises(EnvironmentFailure, match="AIB712"):
        schedule(LOADS[kind], CLASSES, enough | {"genuine": int(0.5 * needed)}, 7, TRACE)


def test_a_pair_needs_two_payloads() -> None:
    with pytest.raises(ValueError, match="'replays' has no payloads"):
        schedule(LOADS["poisson"], CLASSES, dict.fromkeys([r.name for r in CLASSES], PAYLOADS) | {"replays": 1}, 7)


def test_schedules_without_pairs_are_as_they_ever_were() -> None:
    """Their hashes as of the last version that knew nothing of pairs, nor of streams."""
    made = {}
    for kind, load in LOADS.items():
        requests = shop_plan().requests
        rows = schedule(load, requests, {"text": 300, "image": 40}, 5, TRACE)
        supplement = supplement_rows(shop_plan(load=load), rows, {"text": 300, "image": 40}, 20.0, 2.0)
        shards = [shard_of(rows, shard, 3) for shard in range(3)]
        text = repr((rows, supplement, shards)).replace(", stream=-1, number=-1", "")
        made[kind] = hashlib.sha256(text.encode()).hexdigest()[:12]
    assert made == BEFORE


BEFORE = {
    "poisson": "f9376aecc64b",
    "constant": "802454b7ad67",
    "sessions": "aca4aacef3cb",
    "trace": "ca1f688519ea",
    "users": "7b7d26377a0b",
}


# -- supplements


def test_a_supplement_takes_what_the_mix_left_and_keeps_pairs_whole() -> None:
    plan = shop_plan(load=LOADS["poisson"]).model_copy(update={"requests": CLASSES})
    counts = {"genuine": 2000, "query": 50, "replays": 3000, "doubles": 210}
    rows = schedule(plan.load, CLASSES, counts, 7)
    supplement, described = supplement_rows(plan, rows, counts, 60.0, 100.0)
    sent = {entry.request_class: entry.requests for entry in described}
    everything = [(row.request_class, row.payload) for row in (*rows, *supplement) if row.request_class != "query"]
    assert len(set(everything)) == len(everything)
    asked = Counter(row.request_class for row in rows)
    assert sent["doubles"] == 2 * ((210 - asked["doubles"]) // 2), "what is left"
    assert set(sent) == {"query", "replays", "doubles"}
    for name, count in sent.items():
        own = [row for row in supplement if row.request_class == name]
        assert len(own) == count
        assert [row.request_id for row in own] == list(range(own[0].request_id, own[0].request_id + count))
        assert [row.offset_s for row in own] == sorted(row.offset_s for row in own)
    whole_pairs(supplement, [row.offset_s for row in supplement], apart_s(CLASSES))
    lengths = {name: np.ptp([row.offset_s for row in supplement if row.request_class == name]) for name in ("query", "replays")}
    per_second = {name: sent[name] / length for name, length in lengths.items()}
    assert per_second["replays"] == pytest.approx(40.0, rel=0.25)
    assert per_second["query"] == pytest.approx(40.0, rel=0.25)
    assert supplement_rows(plan, rows, counts, 60.0, 100.0)[0] == supplement


def test_there_is_no_supplement_of_a_class_of_which_nothing_is_left() -> None:
    plan = shop_plan(load=LOADS["poisson"]).model_copy(update={"requests": CLASSES})
    counts = {"genuine": 2000, "query": 50, "replays": 2000, "doubles": 2000}
    used = Counter(row.request_class for row in schedule(plan.load, CLASSES, counts, 7))
    # Pairs that the end of a phase would divide are drawn and not sent, so as many more are needed.
    for left in range(used["doubles"], used["doubles"] + 20, 2):
        try:
            rows = schedule(plan.load, CLASSES, counts | {"doubles": left}, 7)
        except EnvironmentFailure:
            continue
        _, described = supplement_rows(plan, rows, counts | {"doubles": left}, 60.0)
        remaining = left - Counter(row.request_class for row in rows)["doubles"]
        assert next((entry.requests for entry in described if entry.request_class == "doubles"), 0) == remaining
        return
    pytest.fail("no number of payloads is enough")


# -- several generators


@kinds
@pytest.mark.parametrize("shards", [1, 2, 3, 5])
def test_a_pair_is_sent_by_one_generator(kind: str, shards: int) -> None:
    rows = planned(LOADS[kind], payloads=100_000)
    apart = apart_s(CLASSES)
    split = [shard_of(rows, shard, shards, apart) for shard in range(shards)]
    assert sorted((row for own in split for row in own), key=lambda row: row.request_id) == rows
    for own in split:
        assert [row.request_id for row in own] == sorted(row.request_id for row in own)
        begun = {(row.request_class, row.payload // 2) for row in own if is_first(row, apart)}
        assert begun == {(row.request_class, row.payload // 2) for row in own if is_second(row, apart)}
    assert max(map(len, split)) - min(map(len, split)) <= 0.15 * len(rows) / shards + 4


# -- closed loops


def sent_by_users(
    rows: Sequence[ScheduleRecord], load: PlanUsers, requests: Sequence[PlanRequest], rng: np.random.Generator
) -> tuple[list[tuple[ScheduleRecord, int, int]], int]:
    """(row, intended, answered) of each request that users of random service times send, and the most that were on their way at once."""
    warm = int(load.warmup_s * S)
    turns = Turns(rows, Phases(0, warm, warm + int(load.duration_s * S)), load.think_s, apart_s(requests), WHEN_FREE)
    flying: list[tuple[int, int]] = []
    sent = []
    most = 0
    while True:
        due = turns.next_ns
        if flying and (due is None or min(flying)[0] <= due):
            done, request_id = min(flying)
            flying.remove((done, request_id))
            turns.ended(request_id, done)
            continue
        if due is None or due >= warm + int(load.duration_s * S):
            return sent, most
        turn = turns.take()
        if turn is not None:
            row, at = turn
            done = at + int(rng.exponential(0.05) * S) + 1
            flying.append((done, row.request_id))
            sent.append((row, at, done))
            most = max(most, len(flying))


@given(
    st.integers(1, 8), st.floats(0.05, 1.0), st.floats(0.0, 3.0), st.floats(0.0, 2.0), st.floats(0.5, 6.0), st.floats(0.0, 1.0),
    st.integers(0, 2**31),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_users_send_whole_pairs_and_think_once_both_are_answered(
    users: int, think_s: float, apart: float, warmup_s: float, duration_s: float, share: float, seed: int
) -> None:
    requests = tuple(r for r in (paired("pairs", share, apart), plain("rest", 1 - share)) if r.share > 0)
    load = PlanUsers(users=users, think_s=think_s, duration_s=duration_s, warmup_s=warmup_s, seed=3)
    rows = planned(load, requests, seed)
    sent, most = sent_by_users(rows, load, requests, np.random.default_rng(seed))
    warm, end = int(warmup_s * S), int(warmup_s * S) + int(duration_s * S)
    asked = [(row.request_class, row.payload) for row, _, _ in sent]
    assert len(set(asked)) == len(asked)
    assert most <= 2 * users
    by_id = {row.request_id: (at, done) for row, at, done in sent}
    done_by_turn = [int(row.offset_s * S) for row in rows if row.offset_s != WHEN_FREE]
    for row, at, done in sent:
        assert at < end
        if row.request_class != "pairs":
            done_by_turn.append(done + int(think_s * S))
        elif is_first(row, {"pairs"}):
            second_at, second_done = by_id[row.request_id + 1]
            assert second_at == at + int(apart * S)
            assert (at < warm) == (second_at < warm)
            assert second_at < end
            done_by_turn.append(max(done, second_done) + int(think_s * S))
        else:
            assert row.request_id - 1 in by_id
    ready = Counter(done_by_turn)
    waited = Counter[str]()
    for row, at, _ in sent:
        if not is_second(row, {"pairs"}):
            if ready[at] == 0 and at == warm and row.request_class == "pairs":
                waited["pairs"] += 1
                continue
            assert ready[at] > 0, "nobody's turn"
            ready[at] -= 1
    assert waited["pairs"] <= users


def test_users_go_on_sending_in_pairs_alone() -> None:
    requests = (paired("doubles", 1.0, 0.0),)
    load = PlanUsers(users=3, think_s=0.1, duration_s=10.0, warmup_s=1.0, seed=3)
    sent, most = sent_by_users(planned(load, requests), load, requests, np.random.default_rng(1))
    assert len(sent) == pytest.approx(2 * 3 * 11 / (0.1 + 0.075), rel=0.15)
    assert most == 6
    pairs = list(zip(sent[::2], sent[1::2], strict=True))
    assert all(a[1] == b[1] and a[0].payload + 1 == b[0].payload for a, b in pairs), "one right after the other, so that they race"
