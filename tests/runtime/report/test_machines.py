"""Whether a machine did other work during a run: from counters to the verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from aibenchrt.collect.machine_counters import Reading, machine_record, read_machine
from aibenchrt.collect.merge import read_host
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.run_info import Bystander, HostInfo
from aibenchrt.report.html import page
from aibenchrt.report.machines import machine_rows
from aibenchrt.report.make import make_report
from aibenchrt.report.tables import machine_table
from hypothesis import given
from hypothesis import strategies as st
from run_on_hosts import on_hosts, reasons
from synthetic_run import Shape, write_run

S = 1_000_000_000


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape()))


def host(name: str, machine: str) -> HostInfo:
    return HostInfo(name=name, cpu_model="c", cores=2, memory_mib=1024, kernel="k", os="o", parts=(name,), machine=machine)


def with_own(run: Run, busy: float, own: dict[str, float]) -> Run:
    """The hosts' own shares, all beside the same busy share."""
    samples = [replace(s, busy_share=busy, own_share=own[s.host], steal_share=0.0) for s in run.machine]
    return replace(run, machine=tuple(samples))


def test_a_quiet_machine_is_shown_and_passes(measured: Run) -> None:
    report, _ = make_report(measured)
    assert "V16" not in {reason.code for reason in report.verdict.reasons}
    (row,) = report.machines
    assert (row.host, round(row.busy, 6), round(row.own, 6), round(row.others, 6), row.steal) == ("here", 0.61, 0.6, 0.01, 0.0)
    assert row.pressure == pytest.approx(0.3)


def test_other_work_is_named_with_who_did_it(measured: Run) -> None:
    info = measured.info.model_copy(update={"bystanders": (Bystander(name="cc1plus", pid=7, cpu_share=0.2),)})
    observed = reasons(with_own(replace(measured, info=info), 0.85, {"here": 0.6}))
    assert observed == {"V16": "25.0 % of here by other work (cc1plus 20.0 %)"}


def test_each_host_s_other_work_is_named(measured: Run) -> None:
    """Names are what somebody on a host chose: nothing of them reaches the terminal or begins a line but escaped."""
    run = with_own(on_hosts(measured, hosts=(host("h1", "h1"), host("h2", "h2"))), 0.85, {"h1": 0.6, "h2": 0.7})
    others = (
        Bystander(name="cc1plus", pid=7, cpu_share=0.2, host="h1"),
        Bystander(name="\x1b[2J\nVALID <b>", pid=8, cpu_share=0.125, host="h2"),
    )
    run = replace(run, info=run.info.model_copy(update={"bystanders": others}))
    said = "25.0 % of h1 by other work (cc1plus 20.0 %); 15.0 % of h2 by other work (\\x1b[2J\\nVALID <b> 12.5 %)"
    assert reasons(run) == {"V16": said}
    report, _ = make_report(run)
    assert [row[-1] for row in machine_table(report).rows] == ["cc1plus 20.0 %", "\\x1b[2J\\nVALID <b> 12.5 %"]
    assert "VALID <b>" not in page(report, {}, "")


def test_only_the_measured_window_counts(measured: Run) -> None:
    start = measured.info.load.window_start_ns
    before = [replace(s, busy_share=1.0) if s.time_ns < start else s for s in measured.machine]
    assert any(s.busy_share == 1.0 for s in before)
    assert reasons(replace(measured, machine=tuple(before))) == {}


def test_a_machine_that_was_not_sampled_proves_nothing(measured: Run) -> None:
    assert reasons(replace(measured, machine=())) == {"V16": "no samples of here"}


def test_a_fault_on_purpose_may_be_other_work(measured: Run) -> None:
    disturbed = with_own(measured, 0.9, {"here": 0.3})
    assert "V16" in reasons(disturbed)
    assert "V16" not in reasons(replace(disturbed, info=disturbed.info.model_copy(update={"fault": "a busy loop"})))


def test_containers_of_one_machine_count_together(measured: Run) -> None:
    """Each sees the whole machine at 80 %, of which it uses 40 %."""
    own = {"h1": 0.4, "h2": 0.4}
    apart = with_own(on_hosts(measured, hosts=(host("h1", "h1"), host("h2", "h2"))), 0.8, own)
    assert "40.0 % of h1 by other work; 40.0 % of h2 by other work" in reasons(apart)["V16"]
    together = with_own(on_hosts(measured, hosts=(host("h1", "h1"), host("h2", "h1"))), 0.8, own)
    assert "V16" not in reasons(together)
    assert [round(row.own, 6) for row in machine_rows(together)] == [0.8, 0.8]


def test_counters_of_the_kernel(tmp_path: Path) -> None:
    """Fields of proc(5): user nice system idle iowait irq softirq steal guest guest_nice, in hundredths of a second."""
    proc = tmp_path / "proc"
    (proc / "pressure").mkdir(parents=True)
    (proc / "stat").write_text("cpu  100 20 30 1000 40 5 6 70 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    lines = ["some avg10=1.00 avg60=2.00 avg300=3.00 total=123456", "full avg10=0.00 avg60=0.00 avg300=0.00 total=0"]
    (proc / "pressure" / "cpu").write_text("\n".join(lines) + "\n")
    reading = read_machine(tmp_path)
    assert (reading.busy_us, reading.steal_us, reading.total_us, reading.pressure_us) == (1_610_000, 700_000, 12_710_000, 123_456)
    (proc / "pressure" / "cpu").unlink()
    assert read_machine(tmp_path).pressure_us == -1


def test_the_counters_of_this_machine_grow() -> None:
    first = read_machine()
    while (last := read_machine()).total_us == first.total_us:
        pass
    record = machine_record("here", first, last, 0.0)
    assert 0 <= record.busy_share <= 1
    assert 0 <= record.steal_share <= 1


@given(*[st.integers(0, 10**9)] * 4)
def test_shares_are_of_all_cpu_time(busy: int, steal: int, idle: int, own: int) -> None:
    first = Reading(0, 5, 6, 7, -1)
    last = Reading(S, 5 + busy, 6 + steal, 7 + busy + steal + idle, 9)
    if busy + steal + idle == 0:
        with pytest.raises(ValueError, match="no time"):
            machine_record("h", first, last, own)
        return
    record = machine_record("h", first, last, own)
    total = busy + steal + idle
    assert (record.busy_share, record.steal_share, record.own_share) == (busy / total, steal / total, own / total)
    assert record.pressure_share == -1.0


def test_a_host_s_samples_become_shares_of_its_machine(tmp_path: Path) -> None:
    facts = {"name": "h1", "cpu_model": "c", "cores": 2, "memory_kib": 2**20, "kernel": "k", "os": "o", "boot": "b"}
    facts |= {"monotonic_ns": 50 * S, "realtime_ns": 1_000 * S}
    lines: list[dict[str, object]] = [{"facts": facts, "units": [], "when": "before"}]
    # Two seconds on two processors, of which 1.0 s was busy, 0.2 s by our unit, 0.1 s stolen; then a unit that has just begun.
    lines += [{"time_ns": 51 * S, "samples": [["aibench-shop-a.service", 5, 9, 300_000, 1]], "machine": [10_000_000, 0, 50_000_000, 7]}]
    lines += [
        {
            "time_ns": 53 * S,
            "samples": [["aibench-shop-a.service", 5, 9, 500_000, 1], ["aibench-shop-b.service", 6, 10, 100_000, 1]],
            "machine": [11_000_000, 100_000, 54_000_000, 500_007],
        }
    ]
    lines += [{"time_ns": 54 * S, "samples": []}]  # as from a host that was deployed by an earlier version
    path = tmp_path / "host.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    records = read_host("h1", [path], "shop", [], 900 * S)
    assert records.started_ns == 950 * S
    (sample,) = records.machine
    assert sample.time_ns == (53 + 50) * S  # on the run's clock
    assert (sample.busy_share, sample.steal_share, sample.pressure_share) == (0.25, 0.025, 0.25)
    assert sample.own_share == pytest.approx(0.075)


def looked(total_us: int, *busiest: tuple[str, int, int]) -> dict[str, object]:
    return {"samples": [], "machine": [0, 0, 0, -1], "looked": {"total_us": total_us, "busiest": busiest}}


def test_who_took_a_host_s_time_is_that_of_the_window(tmp_path: Path) -> None:
    facts = {"cpu_model": "c", "cores": 2, "memory_kib": 2**20, "kernel": "k", "os": "o", "boot": "b"}
    facts |= {"monotonic_ns": 50 * S, "realtime_ns": 1_000 * S}
    lines: list[dict[str, object]] = [{"facts": facts, "units": [], "when": "before"}]
    lines += [{"time_ns": 51 * S, "samples": [], "machine": [0, 0, 0, -1]}]
    lines += [{"time_ns": 56 * S} | looked(10_000_000, ("ansible", 3, 9_000_000))]
    lines += [{"time_ns": 61 * S} | looked(10_000_000, ("cc1plus", 7, 4_000_000), ("make", 6, 100_000))]
    lines += [{"time_ns": 66 * S} | looked(10_000_000, ("cc1plus", 7, 1_000_000), ("liar", 9, 10**15))]
    path = tmp_path / "host.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    seen = read_host("h1", [path], "shop", [], 900 * S, (107 * S, 120 * S)).bystanders  # on the run's clock
    assert [(other.name, other.pid, other.cpu_share, other.host) for other in seen] == [
        ("liar", 9, 1.0, "h1"),
        ("cc1plus", 7, 0.25, "h1"),
        ("make", 6, 0.005, "h1"),
    ]
    assert read_host("h1", [path], "shop", [], 900 * S, (120 * S, 130 * S)).bystanders == ()
