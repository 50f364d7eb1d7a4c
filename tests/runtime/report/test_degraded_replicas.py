"""What the verdict finds of hosts that were cut off or slow for a while, and of effects that failed, though nothing died."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import CallRecord
from aibenchrt.report.degraded_replicas import degraded, failed_effects
from aibenchrt.report.hosts import fault
from aibenchrt.report.make import make_report
from run_on_hosts import on_hosts
from synthetic_run import Shape, write_run

S = 1_000_000_000
HERE, THERE = "10.0.0.1:9", "10.0.0.2:9"
HOSTS = ("h1", "h2")


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two replicas of every task, on two hosts, asked in turn."""
    run = on_hosts(read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape(duration_s=60))))
    tasks = {step.task for step in run.plan.steps}
    twice = {"endpoints": (HERE, THERE), "hosts": HOSTS}
    services = tuple(service.model_copy(update=twice) if service.name in tasks else service for service in run.plan.services)
    made = replace(run, plan=run.plan.model_copy(update={"services": services}))
    turns = dict.fromkeys(tasks, 0)

    def in_turn(call: CallRecord) -> CallRecord:
        turns[call.task] += 1
        return replace(call, endpoint=(HERE, THERE)[turns[call.task] % 2])

    return changed(made, in_turn)


def changed(run: Run, how: Callable[[CallRecord], CallRecord]) -> Run:
    return replace(run, calls=tuple(how(call) for call in sorted(run.calls, key=lambda call: call.end_ns)))


def within(run: Run, call: CallRecord, first: float, last: float) -> bool:
    return first <= (call.end_ns - run.info.load.window_start_ns) / S < last


def codes(run: Run) -> dict[str, str]:
    return {reason.code: reason.observed for reason in make_report(run)[0].verdict.reasons}


def cut_off(run: Run, first: float, last: float) -> Run:
    return changed(run, lambda call: replace(call, endpoint=HERE) if within(run, call, first, last) else call)


def slowed(run: Run, first: float, last: float, times: int) -> Run:
    def slow(call: CallRecord) -> CallRecord:
        longer = call.start_ns - (times - 1) * (call.end_ns - call.start_ns - call.queue_ns)
        return replace(call, start_ns=longer) if call.endpoint == THERE and within(run, call, first, last) else call

    return changed(run, slow)


def test_replicas_in_turn_do_not_falter(replicas: Run) -> None:
    assert degraded(replicas) == ()
    assert failed_effects(replicas)[0] == 0
    assert codes(replicas) == {}


def test_a_replica_that_answers_nothing_for_a_while_is_named(replicas: Run) -> None:
    run = cut_off(replicas, 20, 26)
    (parse,) = [degradation for degradation in degraded(run) if degradation.part == "parse"]
    assert parse.host == "h2"
    assert 19 < parse.start_s < 20.5
    assert 26 <= parse.end_s < 27
    assert "parse on h2: answered nothing" in codes(run)["V14"]
    assert degraded(cut_off(replicas, 20, 20.2)) == (), "a few calls more than in turn are no silence"
    (to_the_end,) = [degradation for degradation in degraded(cut_off(replicas, 50, 60)) if degradation.part == "parse"]
    assert to_the_end.end_s == pytest.approx(60)


def test_a_host_on_which_everything_takes_longer_for_a_while_is_named(replicas: Run) -> None:
    (degradation,) = degraded(slowed(replicas, 20, 30, 10))
    assert (degradation.part, degradation.host, degradation.start_s, degradation.end_s) == ("every part", "h2", 20, 30)
    assert "every part on h2: took up to" in codes(slowed(replicas, 20, 30, 10))["V14"]
    assert degraded(slowed(replicas, 20, 30, 2)) == ()
    assert degraded(slowed(replicas, 20, 22, 10)) == (), "two seconds are a hiccup"


def test_on_one_machine_the_records_say_nothing_of_hosts(replicas: Run) -> None:
    run = cut_off(replicas, 20, 26)
    assert degraded(replace(run, info=run.info.model_copy(update={"generators": ()}))) == ()


def test_effects_that_fail_make_a_run_invalid_though_no_user_saw_them(replicas: Run) -> None:
    def refuse(call: CallRecord) -> CallRecord:
        if not (call.after and within(replicas, call, 20, 22)):
            return call
        return replace(call, endpoint=THERE, outcome="failed", error=f"CallError: {THERE}: INTERNAL: OSError: No space left on device")

    run = changed(replicas, refuse)
    failed, made, most = failed_effects(run)
    assert 0 < failed < made
    assert most == "clicks on h2: INTERNAL: OSError: No space left on device"
    assert list(codes(run)) == ["V15"]
    asked = replace(run, info=run.info.model_copy(update={"fault": "the disk is full"}))
    assert codes(asked) == {}
    seen = fault(asked)
    assert seen is not None
    assert seen.failed == 0
    assert seen.parts == (f"{failed} of {made} calls after the responses failed, most often: {most}",)
