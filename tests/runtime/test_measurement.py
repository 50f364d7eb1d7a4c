"""What a measurement must not get wrong: cut traces, sampled processes, fingerprints, closed loops, failures and who caused them."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aibenchrt.collect.run import read_run
from aibenchrt.collect.run_info import HostInfo
from aibenchrt.control import describe
from aibenchrt.control.process import Processes
from aibenchrt.control.resources import Sampler
from aibenchrt.control.triton import read_trace
from aibenchrt.report.make import make_report
from shop_plan import shop_plan
from synthetic_run import Shape, write_run

EVENTS = [
    {"id": 1, "model_name": "rank", "model_version": 1, "request_id": "42"},
    {"id": 1, "timestamps": [{"name": "QUEUE_START", "ns": 1000}]},
    {"id": 1, "timestamps": [{"name": "COMPUTE_START", "ns": 4500}]},
    {"id": 2, "timestamps": [{"name": "QUEUE_START", "ns": 1}, {"name": "COMPUTE_START", "ns": 2}]},
]
WHOLE = json.dumps(EVENTS, separators=(",", ":"))


@pytest.mark.parametrize("text", [WHOLE, WHOLE[:-1], WHOLE[: WHOLE.index('{"id":2') + 30], WHOLE.replace("]},{", "]}\n,{")[:-1] + "\n,"])
def test_the_trace_of_a_killed_triton_still_says_what_it_knew(tmp_path: Path, text: str) -> None:
    (tmp_path / "trace.json").write_text(text)
    assert read_trace(tmp_path / "trace.json") == {(42, "rank"): 3500}


def test_a_sample_holds_the_process_and_its_children(tmp_path: Path) -> None:
    eat = "b = bytearray(64 << 20); import time; t = time.monotonic()\nwhile time.monotonic() < t + 30: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {eat!r}])"
    with Processes(tmp_path) as processes:
        child = processes.start("triton", "triton", [sys.executable, "-c", parent])
        quiet = processes.start("parse", "service", ["sleep", "60"])
        with Sampler(lambda: [child, quiet]) as sampler:
            deadline = time.monotonic() + 30
            while sum(r.process == "triton" and r.cpu_share > 0.05 and r.rss_bytes > 64 << 20 for r in sampler.records) < 2:
                assert time.monotonic() < deadline, sampler.records
                time.sleep(0.1)
    assert {r.pid for r in sampler.records} == {child.pid, quiet.pid}
    assert max(r.cpu_share for r in sampler.records if r.process == "parse") < 0.05


def test_the_fingerprint_sees_settings_and_no_seed() -> None:
    plan = shop_plan()
    host = HostInfo(name="h", cpu_model="c", cores=2, memory_mib=1024, kernel="k", os="o")
    prints = {describe.fingerprint(p, host, (), ()).hash for p in (plan, plan.model_copy(update={"seed": 99}))}
    assert len(prints) == 1
    stage = plan.steps[0].stages[0]
    steps = (plan.steps[0].model_copy(update={"stages": (stage.model_copy(update={"settings": {"shards": 4}}),)}), *plan.steps[1:])
    other = plan.model_copy(update={"steps": steps})
    assert describe.fingerprint(other, host, (), ()).hash not in prints
    assert f"{stage.name}={stage.component}{{shards 4}}" in describe.settings_text(other)


def test_a_closed_loop_can_be_valid(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", Shape()))
    load = run.info.load.model_copy(update={"arrival": "users", "rate": None})
    rows = tuple(replace(row, phase="warmup", offset_s=-1.0) for row in run.schedule)  # as load.schedule makes them
    report, _ = make_report(replace(run, info=run.info.model_copy(update={"load": load}), schedule=rows))
    assert [r.code for r in report.verdict.reasons] == []
