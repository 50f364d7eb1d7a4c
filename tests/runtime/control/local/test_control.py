"""Control with real processes and sockets: whole runs, crashes, Ctrl-C, and what is left behind (nothing)."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.run import Prepare, run_local
from aibenchrt.control.local.triton import assemble, environment
from aibenchrt.control.options import RunOptions, effective
from aibenchrt.control.run_directory import new_directory
from aibenchrt.control.triton_trace import queue_waits
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.plan import Plan, PlanLoad, PlanTrace, PlanUsers
from aibenchrt.planner.recorder import Recorder, read_calls
from local_plan import local_plan
from observed_run import calls_made, wait_until
from paths import SUPPORT
from replicas import replicated
from seen_processes import descendants, is_alive, processes_about
from shop_plan import free_ports, generate, shop_plan

PROGRAM = SUPPORT / "local_plan.py"


@pytest.fixture(scope="module", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("AIBENCH_HOME")
    os.environ["AIBENCH_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield
    if before is None:
        del os.environ["AIBENCH_HOME"]
    else:
        os.environ["AIBENCH_HOME"] = before


def generated(folder: Path, duration_s: float = 3.0) -> Path:
    return generate(local_plan(free_ports(5), duration_s), folder / "generated")


def stage(runs: Path, name: str) -> str:
    """The outcome of a stage of the only run; '' before it began."""
    journals = list(runs.glob("*/journal.json"))
    entries = json.loads(journals[0].read_text()) if journals else []
    return next((entry["outcome"] for entry in entries if entry["name"] == name), "")


def test_a_whole_run_is_recorded_and_leaves_no_process(tmp_path: Path) -> None:
    folder = generated(tmp_path)
    directory = run_local(folder, tmp_path / "runs", RunOptions(variant="synthetic", command="aibenchc run SPEC"))
    run = read_run(directory)
    assert run.info.outcome == "completed"
    assert [s.name for s in run.info.stages] == ["prepare", "start", "ready", "warmup", "load", "stop", "collect"]
    assert all(s.outcome == "ok" for s in run.info.stages)
    assert Counter(r.outcome for r in run.requests) == {"ok": len(run.schedule)}
    assert {r.request_id for r in run.requests} == {t.request_id for t in run.truth}
    for request in run.measured:
        calls = {call.task: call for call in run.calls_of[request.request_id]}
        assert set(calls) == {"parse", "answers", "profile", "remember"}
        assert calls["answers"].waited_for == "parse"
        assert calls["remember"].after
        assert all(c.outcome == "ok" and c.service_ns > 0 and c.end_ns - c.start_ns >= c.service_ns for c in calls.values())
    assert {r.process for r in run.resources} >= {"parse", "answers", "planner-0", "generator"}
    assert all(p.exit_code == 0 and not p.died for p in run.info.processes)
    assert run.info.generator is not None
    assert run.info.generator.sent == len(run.measured)
    assert processes_about(folder) == []
    before = kept()
    assert before
    prepare(run.plan, RunOptions(variant="synthetic"), tmp_path / "again")
    assert kept() == before, "nothing was made again"


def kept() -> dict[Path, int]:
    """Every file of prepared data and worlds, and when it was written."""
    files = (path for name in ("prepared", "worlds") for path in (home() / name).rglob("*"))
    return {path: path.stat().st_mtime_ns for path in files if path.is_file() and path.suffix != ".lock"}


@pytest.mark.long
def test_a_run_takes_no_port_and_balances_over_replicas(tmp_path: Path) -> None:
    plan = replicated({"parse": 2, "planner": 2})
    folder = generate(plan, tmp_path / "generated")
    with contextlib.ExitStack() as stack:
        for service in plan.services:  # somebody else has every port that the plan names
            for endpoint in service.endpoints:
                host, number = endpoint.split(":")
                stack.enter_context(socket.create_server((host, int(number))))
        run = read_run(run_local(folder, tmp_path / "runs", RunOptions(variant="synthetic", duration_s=1.0, warmup_s=0.0)))
    assert Counter(r.outcome for r in run.requests) == {"ok": len(run.schedule)}
    endpoints = {service.name: set(service.endpoints) for service in plan.services}
    assert {call.endpoint for call in run.calls if call.task == "parse"} == endpoints["parse"]
    assert {request.planner for request in run.requests} == endpoints["planner"]


def test_a_killed_service_fails_requests_and_the_run(tmp_path: Path) -> None:
    folder = generated(tmp_path, duration_s=120.0)
    runs = tmp_path / "runs"

    def kill_parse() -> None:
        wait_until(lambda: calls_made(runs) > 100)  # some requests go well first
        (victim,) = (seen.process for seen in processes_about(folder) if "parse" in seen.command)
        victim.suspend()
        wait_until(lambda: victim.status() == psutil.STATUS_STOPPED)
        since_ns = time.monotonic_ns()
        # parse and profile are called at the same time: one that profile has answered is under way in parse
        wait_until(lambda: any(c.task == "profile" and c.start_ns > since_ns for p in runs.glob("*/calls-0.jsonl") for c in read_calls(p)))
        victim.kill()

    killer = threading.Thread(target=kill_parse)
    killer.start()
    with pytest.raises(EnvironmentFailure) as failure:
        run_local(folder, runs, RunOptions(variant="synthetic"))
    killer.join()
    assert failure.value.code == "AIB607"
    assert "parse exited prematurely (signal 9 (SIGKILL))" in failure.value.message
    (directory,) = runs.iterdir()
    run = read_run(directory)
    assert run.info.outcome == "failed"
    assert next(s for s in run.info.stages if s.name == "load").detail.startswith("AIB607: parse")
    assert [p.name for p in run.info.processes if p.died] == ["parse"]
    outcomes = Counter(r.outcome for r in run.requests)
    assert outcomes["ok"] > 0
    assert outcomes["failed"] > 0
    assert outcomes["not_sent"] > 0
    failed = next(r for r in run.requests if r.outcome == "failed")
    assert "parse" in failed.error
    assert any(c.outcome == "failed" and c.task == "parse" for c in run.calls)
    assert processes_about(folder) == []


def full_disk(_plan: Plan, _options: RunOptions, into: Path) -> Assets:
    raise EnvironmentFailure("AIB605", what=into, reason="no space left on its disk", way_out="free some space")


def in_the_way(plan: Plan, options: RunOptions, into: Path) -> Assets:
    """Prepares, and puts a file where services are to keep their state."""
    (into.parent / "state").touch()
    return prepare(plan, options, into)


@pytest.mark.parametrize(
    ("preparing", "ready_s", "failed"), [(full_disk, 120.0, "prepare"), (in_the_way, 120.0, "start"), (prepare, 0.0, "ready")]
)
def test_whatever_stage_fails_the_run_is_ended_and_says_which(tmp_path: Path, preparing: Prepare, ready_s: float, failed: str) -> None:
    folder, runs = generated(tmp_path), tmp_path / "runs"
    with pytest.raises((EnvironmentFailure, FileExistsError)):
        run_local(folder, runs, RunOptions(variant="synthetic", ready_s=ready_s), preparing)
    (directory,) = runs.iterdir()
    run = read_run(directory)
    assert run.info.outcome == "failed"
    prepared = failed != "prepare"
    reached = ["prepare", "start", "ready"][: ["prepare", "start", "ready"].index(failed) + 1]
    assert [(s.name, s.outcome) for s in run.info.stages] == [
        *((name, "failed" if name == failed else "ok") for name in reached),
        ("stop", "ok"),
        *([("collect", "ok")] if prepared else []),
    ]
    assert bool(run.schedule) == bool(run.truth) == bool(run.info.data) == prepared
    assert all(p.exit_code is not None for p in run.info.processes)
    assert processes_about(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_ctrl_c_ends_everything_and_keeps_the_records(tmp_path: Path, number: signal.Signals) -> None:
    folder = generated(tmp_path, duration_s=120.0)
    runs = tmp_path / "runs"
    process = subprocess.Popen([sys.executable, str(PROGRAM), str(folder), str(runs)], stderr=subprocess.PIPE)
    wait_until(lambda: stage(runs, "load") == "running" and calls_made(runs) > 100)
    children = descendants(process.pid)
    assert len(children) == 6
    process.send_signal(number)
    process.wait(120)
    assert b"KeyboardInterrupt" in process.communicate()[1]
    assert not any(child.process.is_running() for child in children)
    assert processes_about(folder) == []
    (directory,) = runs.iterdir()
    info = json.loads((directory / "run.json").read_text())
    assert info["outcome"] == "interrupted"
    assert stage(runs, "load") == "interrupted"
    assert stage(runs, "stop") == "ok"


@pytest.mark.long
def test_a_second_ctrl_c_kills_what_is_left_and_the_run_is_described(tmp_path: Path) -> None:
    folder = generated(tmp_path, duration_s=120.0)
    runs = tmp_path / "runs"
    process = subprocess.Popen([sys.executable, str(PROGRAM), str(folder), str(runs)], stderr=subprocess.DEVNULL)
    wait_until(lambda: stage(runs, "load") == "running" and calls_made(runs) > 100)
    (stubborn,) = (seen.process for seen in processes_about(folder) if "profile" in seen.command)
    stubborn.suspend()  # it does not react to SIGTERM
    process.send_signal(signal.SIGINT)
    wait_until(lambda: stage(runs, "stop") == "running")
    process.send_signal(signal.SIGINT)
    process.wait(120)
    assert processes_about(folder) == []
    (directory,) = runs.iterdir()
    run = read_run(directory)
    assert run.info.outcome == "interrupted"
    assert {s.name: s.outcome for s in run.info.stages}["stop"] == "interrupted"
    assert any(r.outcome == "ok" for r in run.requests)
    assert not [p.name for p in run.info.processes if p.died]


def test_children_die_with_a_killed_controller(tmp_path: Path) -> None:
    folder = generated(tmp_path, duration_s=30.0)
    runs = tmp_path / "runs"
    process = subprocess.Popen([sys.executable, str(PROGRAM), str(folder), str(runs)])
    wait_until(lambda: stage(runs, "load") == "running")
    children = descendants(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(child.process.is_running() for child in children))
    assert processes_about(folder) == []


@pytest.mark.parametrize(("given", "threads"), [(None, "1"), ("2", "2")])
def test_what_is_started_computes_on_one_thread_unless_its_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, threads: str
) -> None:
    """The threads of BLAS would spin for tens of milliseconds after each product of matrices."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    with Processes(tmp_path) as processes:
        for name, its_own in (("plain", None), ("own", environment())):
            child = processes.start(name, "service", [sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"], its_own)
            child.ends = True
            assert child.process.wait(60) == 0
            assert (tmp_path / f"{name}.log").read_text(encoding="utf-8") == f"{threads}\n"


def test_a_process_that_is_never_ready(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        child = processes.start("sleeper", "other", [sys.executable, "-c", "print('still here', flush=True); import time; time.sleep(60)"])
        wait_until(lambda: "still here" in child.log_end())
        with pytest.raises(EnvironmentFailure) as failure:
            processes.wait_ready(child, lambda: False, 0.2)
        assert failure.value.code == "AIB608"
    assert child.process.poll() is not None
    assert "still here" in child.log_end()


def test_a_process_that_dies_while_it_is_awaited_shows_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        child = processes.start("broken", "other", [sys.executable, "-c", "raise SystemExit('no such table')"])
        with pytest.raises(EnvironmentFailure) as failure:
            processes.wait_ready(child, lambda: False, 120)
    assert failure.value.code == "AIB607"
    assert "no such table" in failure.value.message


def test_a_stubborn_process_and_its_children_are_killed(tmp_path: Path) -> None:
    stubborn = "import signal,subprocess,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    stubborn += "p = subprocess.Popen(['sleep', '100']); print(p.pid, flush=True); time.sleep(100)"
    with Processes(tmp_path) as processes:
        child = processes.start("stubborn", "other", [sys.executable, "-c", stubborn])
        processes.wait_ready(child, lambda: child.log_end().strip().isdigit(), 120)
        grandchild = int(child.log_end())
        processes.stop(child, grace_s=0.5)
    assert child.process.poll() == -signal.SIGKILL
    wait_until(lambda: not is_alive(grandchild))


def test_what_children_leave_is_cleaned_up_when_they_have_ended(tmp_path: Path) -> None:
    done: list[str] = []
    with contextlib.suppress(EnvironmentFailure), Processes(tmp_path) as processes:
        processes.clean_up(lambda: done.append("first"))
        child = processes.start("sleeper", "other", ["sleep", "100"])
        processes.clean_up(lambda: done.append("alive" if child.process.poll() is None else "ended"))
        processes.start("nothing", "other", ["/nowhere/at/all"])
    assert done == ["ended", "first"]


def test_a_program_that_is_missing(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(EnvironmentFailure, match="AIB601"):
        processes.start("nothing", "other", ["/nowhere/at/all"])


def test_options_change_load_ports_and_models() -> None:
    plan = local_plan([21000, 21002, 21003, 21004, 21005])
    changed = effective(plan, RunOptions(rate=5.0, duration_s=2.0, seed=99, ports_from=30000))
    assert (changed.load.rate, changed.load.duration_s, changed.load.seed, changed.load.warmup_s) == (5.0, 2.0, 99, 1.0)
    assert [s.endpoints[0] for s in changed.services] == [f"127.0.0.1:{p}" for p in (30000, 30002, 30003, 30004, 30005)]
    shop = effective(shop_plan(), RunOptions(overrides={"category": "random"}))
    assert {s.task: s.stages[0].model for s in shop.steps if s.kind == "ai"}["category"] == "random"
    assert shop.graph_hash == shop_plan().graph_hash
    with pytest.raises(EnvironmentFailure, match="AIB638"):
        effective(plan, RunOptions(overrides={"parse": "random"}))
    with pytest.raises(EnvironmentFailure, match="AIB637"):
        effective(plan, RunOptions(rate=1e8, duration_s=3600.0))


@pytest.mark.parametrize(
    "load",
    [
        PlanUsers(users=4, think_s=1.0, duration_s=9.0, warmup_s=1.0, seed=7),
        PlanTrace(trace="t.txt", mean_rate=3.0, duration_s=9.0, warmup_s=1.0, seed=7),
    ],
)
def test_a_load_without_a_rate_takes_none(load: PlanLoad) -> None:
    plan = shop_plan(load=load)
    assert effective(plan, RunOptions(duration_s=2.0)).load == plan.load.model_copy(update={"duration_s": 2.0})
    with pytest.raises(EnvironmentFailure, match="AIB694"):
        effective(plan, RunOptions(rate=5.0))


def test_a_folder_for_runs_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EnvironmentFailure, match="AIB611"):
        new_directory(tmp_path / "file", "run")
    assert [new_directory(tmp_path, "run").name for _ in range(3)] == ["run", "run-1", "run-2"]


def test_triton_trace_gives_each_request_its_queue(tmp_path: Path) -> None:
    events = [
        {"id": 1, "model_name": "rank", "model_version": 1, "request_id": "42"},
        {"id": 1, "timestamps": [{"name": "QUEUE_START", "ns": 1000}]},
        {"id": 1, "timestamps": [{"name": "COMPUTE_START", "ns": 4500}]},
        {"id": 2, "model_name": "rank", "model_version": 1},
        {"id": 2, "timestamps": [{"name": "QUEUE_START", "ns": 1}, {"name": "COMPUTE_START", "ns": 2}]},
    ]
    (tmp_path / "trace.json").write_text(json.dumps(events))
    assert queue_waits(tmp_path / "trace.json") == {(42, "rank"): 3500}
    assert queue_waits(tmp_path / "none.json") == {}


def test_call_records_survive_a_crash_and_a_full_disk_is_told(tmp_path: Path) -> None:
    record = (7, "parse", "service", "127.0.0.1:1", 1, 2, 3, 0, 1, "ok", "", "", False, ("a=1",), [])
    recorder = Recorder(tmp_path / "calls.jsonl")
    recorder.add(record)
    recorder.close()
    with (tmp_path / "calls.jsonl").open("a") as file:
        file.write('[8, "par')
    (read,) = read_calls(tmp_path / "calls.jsonl")
    assert (read.request_id, read.task, read.stages, read.note) == (7, "parse", ("a=1",), ())
    full = Recorder(Path("/dev/full"))
    full.add(record)
    with pytest.raises(EnvironmentFailure, match="AIB605"):
        full.close()


def test_no_triton_is_said_with_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(EnvironmentFailure) as failure:
        environment()
    assert failure.value.code == "AIB612"
    assert "nvidia-pytriton" in failure.value.hint
    assert not list(tmp_path.iterdir())


def test_a_model_repository_needs_every_stage(tmp_path: Path) -> None:
    plan = shop_plan()
    folder = generate(plan, tmp_path / "generated")
    (tmp_path / "version").mkdir()
    with pytest.raises(EnvironmentFailure, match="AIB653"):
        assemble(plan, folder, {"category": tmp_path / "version"}, tmp_path / "incomplete")
    stages = {s.task: tmp_path / "version" for s in plan.steps if s.kind == "ai"}
    changed = effective(plan, RunOptions(overrides={"picture": "baseline"}))
    whole = assemble(changed, folder, stages, tmp_path / "whole")
    assert (whole / "rank_a" / "1" / "weights" / "rank_a").resolve() == tmp_path / "version"
    step = json.loads((whole / "picture" / "1" / "step.json").read_text())["step"]
    assert step["stages"][0]["model"] == "baseline"
