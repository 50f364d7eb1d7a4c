"""The stages of a run on a cluster and how they are resumed. The hosts are this machine, by playbooks that only send the load and copy its
records; what deploys on real hosts is tried on the test bed (tests/testbed)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.collect.run_info import RUN_FILE, RunInfo
from aibenchrt.control.cluster import run as cluster
from aibenchrt.control.cluster.shipment import ShipmentContents, keep_load
from aibenchrt.control.options import ClusterOptions, RunOptions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanHost, planner_endpoints
from aibenchrt.report.make import make_report
from local_plan import local_plan
from paths import SUPPORT
from shop_plan import free_ports, generate

ECHO = SUPPORT / "echo_server.py"
HEAD = "- hosts: {hosts}\n  gather_facts: false\n  connection: local\n  tasks:\n"
DEPLOY = HEAD.format(hosts="all") + "    - name: Need a disk\n      ansible.builtin.command: test -e {{ inventory_dir }}/disk\n"
LOAD = (
    HEAD.format(hosts="g0,g1")
    + """
    - name: Agree
      ansible.builtin.command: date +%s
      run_once: true
      register: clock
    - name: Send
      ansible.builtin.command:
        argv: ["{{ ansible_python_interpreter }}", -m, aibenchrt.load, --generated, "{{ playbook_dir }}/..",
          --schedule, "{{ aibench_shipment }}/load/schedule.parquet", --payloads, "{{ aibench_shipment }}/load/payloads.parquet",
          --target, "{{ target }}", --out, "{{ inventory_dir }}/state/{{ aibench_run }}/{{ inventory_hostname }}",
          --warmup, "{{ aibench_warmup_s }}", --duration, "{{ aibench_duration_s }}", --shard, "{{ shard }}/2",
          --start-at, "{{ clock.stdout | int + 15 }}000000000"]
        creates: "{{ inventory_dir }}/state/{{ aibench_run }}/{{ inventory_hostname }}/begun.json"
"""
)
COLLECT = (
    HEAD.format(hosts="g0,g1")
    + """
    - name: Copy
      ansible.builtin.copy:
        src: "{{ inventory_dir }}/state/{{ aibench_run }}/{{ inventory_hostname }}/"
        dest: "{{ aibench_collected }}/{{ aibench_run }}/{{ inventory_hostname }}/"
"""
)
STOP = HEAD.format(hosts="g0,g1") + "    - ansible.builtin.debug: { msg: ended with the playbook }\n"


def on_hosts(duration_s: float) -> Plan:
    plan = local_plan(free_ports(5), duration_s)
    services = tuple(service.model_copy(update={"hosts": ("p",)}) for service in plan.services)
    hosts = tuple(PlanHost(name=name, address="127.0.0.1") for name in ("p", "g0", "g1"))
    return plan.model_copy(update={"services": services, "hosts": hosts, "generators": ("g0", "g1")})


class Site:
    """A generated folder, an inventory and a planner that answers at once."""

    def __init__(self, folder: Path, duration_s: float) -> None:
        self.plan = on_hosts(duration_s)
        self.generated = generate(self.plan, folder / "generated")
        (self.target,) = planner_endpoints(self.plan)
        for name, text in (("deploy", DEPLOY), ("load", LOAD), ("collect", COLLECT), ("stop", STOP)):
            (self.generated / "ansible" / f"{name}.yml").write_text(text)
        (self.generated / "ansible" / "group_vars" / "all.yml").write_text("aibench_scenario: trial\n")
        self.inventory, self.runs, self.disk = folder / "hosts.ini", folder / "runs", folder / "disk"
        settings = f"[all:vars]\nansible_python_interpreter={sys.executable}\ntarget={self.target}\n"
        self.inventory.write_text("p\ng0 shard=0\ng1 shard=1\n" + settings)
        self.disk.touch()
        self.server = subprocess.Popen([sys.executable, str(ECHO), str(self.generated), self.target])
        with grpc.insecure_channel(self.target) as channel:
            grpc.channel_ready_future(channel).result(120)

    def run(self, **more: Any) -> Path:
        return cluster.run_cluster(self.generated, self.inventory, self.runs, ClusterOptions(RunOptions(variant="synthetic"), **more))

    @property
    def directory(self) -> Path:
        (directory,) = self.runs.iterdir()
        return directory

    def stages(self) -> list[tuple[str, str]]:
        return [(entry["name"], entry["outcome"]) for entry in json.loads((self.directory / "journal.json").read_text())]


@pytest.fixture(scope="module", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(cluster, "pack", packed)
        yield


def packed(_generated: Path, contents: ShipmentContents, out: Path, _progress: Any, *, renew: bool) -> Path:
    """The shipment's part that a control host needs; the archives for hosts would need pip, and nothing is encrypted."""
    assert not renew
    out.mkdir(parents=True, exist_ok=True)
    keep_load(contents.load, out / "load")
    return out


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, getattr(request, "param", 3.0))
    yield made
    made.server.terminate()
    made.server.wait(120)


@pytest.mark.long
def test_a_run_that_was_only_prepared_leaves_the_hosts_alone_and_goes_on(site: Site) -> None:
    site.disk.unlink()  # a deployment would fail
    assert site.run(prepare_only=True) == site.directory
    assert site.stages() == [("prepare", "ok")]
    site.disk.touch()
    run = read_run(site.run(resume=site.directory))
    assert site.stages() == [(name, "ok") for name in ("prepare", "prepare", "deploy", "load", "collect")]
    assert run.info.outcome == "completed"
    assert {r.request_id for r in run.requests} == {row.request_id for row in run.schedule}


@pytest.mark.long
def test_a_run_that_failed_to_deploy_is_resumed_and_is_whole(site: Site) -> None:
    site.disk.unlink()
    with pytest.raises(EnvironmentFailure, match="AIB633") as raised:
        site.run()
    assert "failed at 'Need a disk'" in raised.value.message
    assert f"--resume {site.directory}" in raised.value.hint
    assert site.stages() == [("prepare", "ok"), ("deploy", "failed")]
    site.disk.touch()
    directory = site.run(resume=site.directory)
    assert site.stages() == [
        ("prepare", "ok"),
        ("deploy", "failed"),
        ("prepare", "ok"),
        ("deploy", "ok"),
        ("load", "ok"),
        ("collect", "ok"),
    ]

    run = read_run(directory)
    assert run.info.outcome == "completed"
    assert [(g.host, g.shard, g.shards) for g in run.info.generators] == [("g0", 0, 2), ("g1", 1, 2)]
    assert {r.request_id for r in run.requests} == {row.request_id for row in run.schedule} == {t.request_id for t in run.truth}
    assert all(r.outcome == "ok" and r.intended_ns <= r.sent_ns < r.done_ns for r in run.requests)
    low, high = run.info.load.window_start_ns, run.info.load.window_end_ns
    assert all(low - 2_000_000 <= r.intended_ns <= high + 2_000_000 for r in run.measured)
    report, _ = make_report(run)
    passed = {check.code: check.ok for check in report.verdict.checks}
    assert passed["V01"]  # the stage that failed was tried again
    assert passed["V12"]
    assert passed["V03"]
    assert not passed["V13"]  # these hosts have no watch, and the planner kept no calls
    assert any("nothing from the watch on p" in text for text in run.info.missing)


@pytest.mark.parametrize("site", [60.0], indirect=True)
@pytest.mark.long
def test_half_a_load_is_put_apart_and_sent_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        while len(lines := [*site.inventory.parent.glob("state/*/g?/requests.jsonl")]) < 2 or any(not p.stat().st_size for p in lines):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        site.run()
    thread.join()
    assert site.stages()[-2:] == [("load", "interrupted"), ("collect", "ok")]
    half = RunInfo.model_validate_json((site.directory / RUN_FILE).read_bytes())
    assert half.outcome == "interrupted"
    assert any("ended early" in text for text in half.missing)
    kept = len(schema.read(site.directory / "requests.parquet", RequestRecord))
    assert kept > 0

    shortened = site.plan.model_copy(update={"load": site.plan.load.model_copy(update={"duration_s": 2.0})})
    (site.generated / "plan.json").write_text(shortened.model_dump_json())
    with pytest.raises(EnvironmentFailure, match="AIB634"):
        site.run(resume=site.directory)
    state = json.loads((site.directory / cluster.STATE).read_text())
    monkeypatch.setattr(cluster, "plan_hash", lambda _: state["plan"])  # otherwise this test would wait for another minute of load
    own = site.directory / "generated" / "plan.json"
    own.write_text(shortened.model_dump_json(indent=1) + "\n")  # as if it had been so from the start
    directory = site.run(resume=site.directory)
    run = read_run(directory)
    (attempt,) = run.info.attempts
    assert attempt.requests == kept
    assert [*(directory / attempt.folder).glob("g?/requests.jsonl")]
    assert {r.request_id for r in run.requests} == {row.request_id for row in run.schedule}
    assert run.info.outcome == "completed"
    assert {check.code: check.ok for check in make_report(run)[0].verdict.checks}["V01"]


def test_what_is_no_run_on_a_cluster_is_not_resumed(site: Site, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB634"):
        site.run(resume=tmp_path)


def test_only_a_run_whose_playbooks_are_those_of_today_is_resumed(site: Site) -> None:
    site.run(prepare_only=True)
    ansible = site.directory / "generated" / "ansible"
    playbook, plugin = ansible / "deploy.yml", ansible / "callback_plugins" / "more.py"
    text = playbook.read_text()

    def add_plugin() -> None:
        plugin.parent.mkdir()
        plugin.write_text("raise SystemExit\n")

    def lead_elsewhere() -> None:
        playbook.unlink()
        playbook.symlink_to(site.generated / "ansible" / "deploy.yml")

    attacks: dict[Callable[[], Any], str] = {
        lambda: playbook.write_text(text.replace("test -e", "test -d")): "deploy.yml",
        playbook.unlink: "deploy.yml",
        lead_elsewhere: "deploy.yml",
        add_plugin: "callback_plugins",
    }
    for attack, name in attacks.items():
        attack()
        with pytest.raises(EnvironmentFailure, match="AIB634") as raised:
            site.run(resume=site.directory)
        assert f"generated/ansible/{name} is not what is compiled today" in raised.value.message
        assert not (site.directory / ".generated").exists()
        playbook.unlink(missing_ok=True)
        playbook.write_text(text)
        shutil.rmtree(plugin.parent, ignore_errors=True)
    assert site.stages() == [("prepare", "ok")], "nothing was prepared again, nothing played"
    (site.generated / "manifest.json").write_text("a comment of the spec is another\n")
    site.run(resume=site.directory, prepare_only=True)
    assert site.stages() == [("prepare", "ok"), ("prepare", "ok")]
