"""What is broken on purpose in the middle of a load, one thing after another: what users saw of each, how long until it was well, that
no record of a finished request is lost, and that the report says what happened. See README.md for the figures.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from bed import OF_THE_MACHINE, ROOT, Bed, a_bed, bed_marks
from deployment import renamed
from trial import Effect, Result, Trial, table

pytestmark = bed_marks(1200)

SPEC = ROOT / "tests" / "specs" / "faults.aib"
GROUPS = {"planner": "h1 h2", "triton": "h3 h4", "services": "h3 h4", "generators": "h5", "postgresql": "h5"}
DISK_MIB = 128
NOTICED_S = 8.0  # a replica that vanished without a word is not asked any more
RESTARTED_S = 15.0  # until a part that was killed runs again, on two busy cores
BOOTED_S = 30.0  # the same for a host
LOSES_NS = 500_000_000  # records that a process that is killed may not have written yet
LOAD_S = 210  # of all faults; 40 s more than they took on two busy cores
FILLER = "/var/lib/aibench/filler"

ROLLED = "another model and more memory for planners are rolled out"
SUMMARY = "the only replica of summary is killed"
PLANNER = "one of two planners is killed"
TRITON = "one of two Tritons is killed"
HANGS = "a model of one of two Tritons hangs"
POSTGRESQL = "PostgreSQL is killed"
CUT = "a host is cut off, whose tasks have another replica"
DISKS = "the disks of a planner and of the event log are full"
SLOW = "a host is ten times slower"
POWER = "a host loses power, whose tasks have another replica"
POWER_ALONE = "a host loses power, whose tasks nobody else does"


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with a_bed(5, name="fa", disk_mib=DISK_MIB) as made:
        groups = "".join(f"\n[{name}]\n" + "\n".join(hosts.split()) + "\n" for name, hosts in GROUPS.items())
        made.inventory.write_text(made.inventory.read_text() + groups)
        yield made


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults") / "runs"


@pytest.fixture(scope="module")
def result(bed: Bed, runs: Path) -> Result:
    """The result of the run whose parts are all broken in turn. The table of what each fault did is written and shown at the end."""
    trial = Trial(bed, SPEC, bed.inventory, runs)
    trial.start("--expect-fault", "everything, in turn", "--duration", str(LOAD_S))
    with trial.ended():
        trial.wait_load()
        roll_out(trial)
        for fault, part in ((SUMMARY, "summary"), (PLANNER, "planner-1"), (TRITON, "triton-1"), (POSTGRESQL, "postgresql")):
            trial.kill(fault, part)
            trial.calm(40)
        break_hosts(trial)
        ended = trial.result()
    rows = [Effect(ended, strike).row() for strike in trial.strikes]
    path = Path(os.environ.get("AIBENCH_FAULTS", str(runs / "faults.json")))
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    seconds = (ended.run.info.load.window_end_ns - trial.strikes[-1].fault_ns) / 1e9
    print(f"\n{table(rows)}\n{path}\nlast fault {seconds:.0f} s before the end; {ended.codes}; {ended.wall_s:.0f} s in all")  # noqa: T201
    return ended


class AnsibleLoader(yaml.SafeLoader):
    """Knows Ansible's mark of text in which there are no templates."""


AnsibleLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def roll_out(trial: Trial) -> None:
    """As an operator would in the middle of the day, with the generated playbook."""
    renamed(trial.shipment, "category")
    variables = yaml.load((trial.directory / "generated" / "ansible" / "group_vars" / "all.yml").read_text(), AnsibleLoader)
    more = [part | ({"memory": "1500M"} if part["kind"] == "planner" else {}) for part in variables["aibench_parts"]]
    playbooks = trial.directory / "generated" / "ansible"
    trial.strike(ROLLED, lambda: trial.bed.play(playbooks, "deploy.yml", {**trial.variables, "aibench_parts": more}))
    trial.calm(20)


def break_hosts(trial: Trial) -> None:
    bed, host, alone = trial.bed, trial.alone_on(("parse", "triton")), trial.host("summary")
    trial.strike(CUT, lambda: bed.cut(host))
    trial.more(90)
    trial.mend(lambda: bed.heal(host))
    trial.calm(40)

    hosts = (trial.host("planner"), trial.host("clicks"))
    fill = f"head -c {2 * DISK_MIB}M /dev/zero > {FILLER} 2>&-; test $(df --output=avail /var/lib/aibench | tail -n 1) = 0"
    trial.strike(DISKS, lambda: [bed.sh(at, "sh", "-c", fill) for at in hosts])
    trial.more(60)
    trial.mend(lambda: [bed.sh(at, "rm", FILLER) for at in hosts])
    trial.calm(30)

    # It gets a tenth of a core, millisecond by millisecond, and something else takes what its parts leave of it.
    neighbour = ("systemd-run", "--unit=neighbour", "--nice=19", "sh", "-c", "while :; do :; done")
    trial.strike(SLOW, lambda: (bed.sh(host, *neighbour), bed.quota(host, 0.1, period_us=10_000)))
    trial.more(80)
    trial.mend(lambda: (bed.quota(host, os.cpu_count() or 1), bed.sh(host, "systemctl", "stop", "neighbour")))
    trial.calm(40)

    for fault, at, requests in ((POWER, host, 60), (POWER_ALONE, alone, 30)):
        trial.strike(fault, lambda at=at: bed.kill(at))
        trial.more(requests)
        trial.mend(lambda at=at: bed.boot(at))
        trial.calm(80)


def settled(result: Result, fault: str, *, killed: str = "") -> Effect:
    """Checks what must hold for every fault. killed: a planner's name."""
    effect = result.effect(fault)
    assert effect.strike.seen <= {r.request_id for r in result.run.requests}, "what had ended before the fault is recorded"
    recorded = {r.request_id for r in effect.requests}
    lives = [r for r in result.without_calls() if r.request_id in recorded and (not killed or r.planner != endpoint(result, killed))]
    assert lives == [], "every call of an answered request is recorded"
    assert effect.well_s is not None, "the load lasted until all was well again"
    return effect


def endpoint(result: Result, name: str) -> str:
    return next(part.endpoint for part in result.trial.plan_parts if part.name == name)


def by_name(effect: Effect, *tasks: str) -> None:
    """Every failure says what failed: one of these tasks."""
    assert [r.error for r in effect.failed if not any(f"{task}: " in r.error for task in tasks)] == []


def within(seconds: float | None, most: float) -> bool:
    return seconds is not None and seconds < most


def answers_again(effect: Effect, host: str) -> None:
    """Whether parts of a host have answered since it was repaired."""
    there = {part.endpoint for part in effect.result.trial.plan_parts if part.host == host}
    assert {c.endpoint for c in effect.answered_since_mended()} & there == there


def test_the_run_says_what_was_broken_and_loses_nothing(result: Result) -> None:
    assert result.lost() == set()
    assert set(result.codes) <= OF_THE_MACHINE, "what was asked for is excused"
    assert result.verdict.exit_code == (3 if result.codes else 4), "and passes nothing; the spec has no slo that could fail"
    assert "PASS" not in {j.status for j in result.verdict.judgements}
    assert result.report.fault is not None
    page = (result.directory / "report.html").read_text()
    assert "Fault experiment" in page
    assert result.run.info.fault in page
    assert result.unasked.keys() >= {"V02", "V07", "V14", "V15"}, "faults that nobody asked for make the run INVALID"


def test_what_is_rolled_out_one_replica_after_another_no_user_sees(result: Result) -> None:
    effect = settled(result, ROLLED)
    assert [r.error for r in effect.failed] == []
    again = {name for name, _ in result.restarts}
    assert again >= {"planner", "planner-1", "triton", "triton-1"}


def test_a_component_is_killed(result: Result) -> None:
    effect, host = settled(result, SUMMARY), result.trial.host("summary")
    assert f"summary on {host}: signal 9" in result.unasked["V02"]
    assert result.restarts["summary", host] >= 2  # its host loses power, too
    by_name(effect, "summary")
    assert within(effect.well_s, RESTARTED_S)


def test_a_planner_is_killed(result: Result) -> None:
    effect = settled(result, PLANNER, killed="planner-1")
    assert f"planner-1 on {result.trial.host('planner-1')}: signal 9" in result.unasked["V02"]
    elsewhere = [r.planner for r in effect.failed if endpoint(result, "planner-1") not in r.planner]
    assert elsewhere == [], "it may have got every one that failed"
    assert within(effect.well_s, RESTARTED_S)
    recorded, start = {r.request_id for r in effect.requests}, effect.strike.fault_ns
    late = [r for r in result.without_calls() if r.request_id in recorded and not start - LOSES_NS <= r.done_ns <= effect.well_ns]
    assert late == [], "of what a planner had answered half a second before it was killed nothing is lost"


def test_triton_is_killed(result: Result) -> None:
    effect, host = settled(result, TRITON), result.trial.host("triton-1")
    assert f"triton-1 on {host}: signal 9" in result.unasked["V02"]
    by_name(effect, "category")
    assert within(effect.well_s, RESTARTED_S)
    assert [r for r in effect.failed if r.intended_ns > effect.strike.fault_ns + 2e9] == [], "the other Triton answers meanwhile"


def test_postgresql_is_killed(result: Result) -> None:
    effect, host = settled(result, POSTGRESQL), result.trial.host("postgresql")
    assert f"postgresql on {host}: signal 9" in result.unasked["V02"]
    assert result.restarts["postgresql", host] == 1
    by_name(effect, "summary")
    assert effect.failed, "nobody stands in for it"
    assert within(effect.well_s, RESTARTED_S)


def test_a_host_is_cut_off_and_healed(result: Result) -> None:
    effect, host = settled(result, CUT), result.trial.alone_on(("parse", "triton"))
    assert f"on {host}: answered nothing" in result.unasked["V14"]
    by_name(effect, "parse", "category")
    assert [r for r in effect.failed if r.intended_ns > effect.strike.fault_ns + NOTICED_S * 1e9] == []
    answers_again(effect, host)


def test_disks_are_full(result: Result) -> None:
    """Of a planner, which records every call, and of the event log, which must not say that it has logged what it has not."""
    effect, host = settled(result, DISKS), result.trial.host("clicks")
    assert effect.failed == [], "no user waits for a disk"
    refused = [c for c in effect.calls if c.task == "clicks" and c.outcome == "failed"]
    assert refused
    assert f"clicks on {host}: " in result.unasked["V15"]
    assert any("OSError" in c.error for c in refused)
    start, end = effect.strike.fault_ns, effect.strike.until_ns
    text = result.trial.bed.sh(host, "sh", "-c", f"cat /var/lib/aibench/*/tasks/{result.directory.name}/events/*.jsonl")
    ahead_ns = time.time_ns() - time.monotonic_ns()
    logged = [at for at in (json.loads(line)["time_ns"] - ahead_ns for line in text.splitlines()) if start <= at < end]
    done = [c for c in result.run.calls if c.task == "clicks" and c.outcome == "ok"]
    inside = sum(start <= c.start_ns and c.end_ns < end for c in done)
    across = sum(c.start_ns < at < c.end_ns for c in done for at in (start, end))
    assert inside <= len(logged) <= inside + across, "what was said to be logged is, once"


def test_a_host_is_ten_times_slower(result: Result) -> None:
    effect, host = settled(result, SLOW), result.trial.alone_on(("parse", "triton"))
    assert f"every part on {host}: took up to" in result.unasked["V14"]
    assert effect.failed == []
    assert within(effect.mended_s, RESTARTED_S)


def test_a_host_of_replicas_loses_power_and_comes_back(result: Result) -> None:
    effect, host = settled(result, POWER), result.trial.alone_on(("parse", "triton"))
    assert f"on {host}: the host was started again" in result.unasked["V02"]
    by_name(effect, "parse", "category")
    late = [r for r in effect.failed if r.intended_ns > effect.strike.fault_ns + NOTICED_S * 1e9]
    assert late == [], "the other replica answers while the host is down"
    answers_again(effect, host)


def test_a_host_that_nobody_stands_in_for_loses_power_and_comes_back(result: Result) -> None:
    effect, host = settled(result, POWER_ALONE), result.trial.host("summary")
    assert f"clicks on {host}: the host was started again" in result.unasked["V02"]
    by_name(effect, "parse", "category", "best", "others", "summary")
    assert effect.failed
    assert within(effect.mended_s, BOOTED_S)
    answers_again(effect, host)


def test_a_model_of_one_of_two_tritons_hangs(bed: Bed, runs: Path, result: Result) -> None:
    """A run of its own, which takes as long as it takes to notice (10 s) and some more. Needs no repair: the unit is started again."""
    trial = Trial(bed, SPEC, bed.inventory, runs)
    trial.start("--expect-fault", HANGS, "--duration", "50")
    with trial.ended():
        trial.wait_load()
        trial.hang(HANGS, "triton-1")
        trial.calm(40)
        hung = trial.result()
    assert result.directory != hung.directory
    host = trial.host("triton-1")
    (outage,) = hung.run.info.outages
    assert (outage.process, outage.host, outage.restarts) == ("triton-1", host, 1)
    assert outage.reason == "model 'category' answers no inference within 10 s"
    assert outage.until_ns is not None, "it serves again"
    assert f"triton-1 on {host} did not serve from second" in hung.unasked["V02"]
    assert hung.restarts["triton-1", host] == 1
    assert ("triton", trial.host("triton")) not in hung.restarts, "the other one has nothing of it"
    failed = settled(hung, HANGS).failed
    assert failed
    assert {r.error for r in failed if "category: " not in r.error} <= {"DEADLINE_EXCEEDED: Deadline Exceeded"}, "whoever asked gave up"
    assert within(hung.effect(HANGS).well_s, 10 + NOTICED_S + RESTARTED_S)
    assert hung.lost() == set()


def test_the_generator_is_killed(bed: Bed, runs: Path, result: Result) -> None:
    """A run of its own: there is no load after that."""
    trial = Trial(bed, SPEC, bed.inventory, runs)
    trial.start("--expect-fault", "the query generator is killed", "--duration", "10")
    with trial.ended():
        trial.wait_load()
        trial.kill("the query generator is killed", "generator")
        killed = trial.result()
    assert result.directory != killed.directory
    assert trial.strikes[0].seen <= {r.request_id for r in killed.run.requests}, "what had ended is recorded"
    assert killed.without_calls() == []
    assert {"V01", "V06", "V10"} <= set(killed.codes), "whatever was asked for: half a load is no measurement"
    assert killed.lost()
    said = {reason.code: reason.observed for reason in killed.verdict.reasons}
    assert "generator 0 on h5: no figures" in said["V06"]
    assert "generator 0 on h5 ended early" in said["V13"]
    assert killed.restarts == {("generator", "h5"): 0}
    assert killed.report.fault is not None
    assert killed.report.fault.parts == ("generator on h5: it ended early",)
    assert killed.unasked.keys() >= {"V01", "V06", "V10"}
    assert killed.unasked["V02"] == "generator on h5: it ended early"


def test_a_control_host_that_is_interrupted_in_every_stage_goes_on_where_it_was(bed: Bed, runs: Path) -> None:
    """Interrupted by Ctrl-C, or killed as by a loss of power; the load is sent once. The last test of this file."""
    trial = Trial(bed, SPEC, bed.inventory, runs)
    duration = ("--duration", "12")
    trial.start(*duration)
    trial.wait_stage("prepare")
    trial.interrupt()
    resumed = (*duration, "--resume", str(trial.directory))
    for stage, number in (("deploy", signal.SIGINT), ("deploy", signal.SIGKILL), ("load", signal.SIGKILL), ("collect", signal.SIGKILL)):
        trial.start(*resumed)
        if stage == "load":
            trial.wait_load(20)
        else:
            trial.wait_stage(stage)
        trial.interrupt(number)
    trial.start(*resumed)
    result = trial.result()
    assert trial.stages()[0] == ("prepare", "interrupted")
    assert result.run.info.attempts == (), "the load that was under way is the one that counts"
    assert set(result.codes) <= OF_THE_MACHINE
    assert result.lost() == set()
    assert result.without_calls() == []
    check_teardown(trial, *resumed, "--teardown")


def check_teardown(trial: Trial, *resumed: str) -> None:
    bed = trial.bed
    bed.kill("h4")
    said = trial.start(*resumed).communicate(timeout=600)[1]
    assert trial.child.returncode == 2
    assert "h4 cannot be reached" in said
    for host in set(bed.hosts) - {"h4"}:
        assert "aibench" not in bed.sh(host, "systemctl", "list-unit-files", "--no-legend", "--no-pager")
    bed.boot("h4")
    trial.start(*resumed)
    trial.wait_stage("teardown")
    trial.interrupt()
    trial.start(*resumed)
    trial.end()
    for host in bed.hosts:
        assert "aibench" not in bed.sh(host, "systemctl", "list-unit-files", "--no-legend", "--no-pager")
