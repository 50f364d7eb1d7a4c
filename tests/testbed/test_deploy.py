"""The generated site.yml on a host that boots systemd and reaches no registry: deploy, load, collect; again, and nothing changes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.home import home
from aibenchrt.planner.recorder import read_calls

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent
TOOLS = ("debootstrap", "systemd-nspawn", "ip", "ssh-keygen", "ssh")

pytestmark = [
    pytest.mark.testbed,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="a test bed needs root"),
]

JOURNAL = "systemctl --no-pager list-units 'aibench-*' --all; journalctl --no-pager | cut -c1-300 | tail -n 60"


class Host:
    """One host of the test bed, h1, and the control host's side of it."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "TB": str(folder), "PFX": "ab", "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
        self.inventory = folder / "state" / "inventory.ini"

    def ran(self, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(HERE / "testbed.sh"), *arguments]
        return subprocess.run(command, cwd=cwd, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def bed(self, *arguments: str) -> str:
        ended = self.ran(*arguments)
        assert ended.returncode == 0, (ended.stdout + ended.stderr)[-6000:]
        return ended.stdout

    def site(self, playbooks: Path, shipment: Path, collected: Path) -> tuple[str, int]:
        """Runs site.yml; what it said, and how much it changed. A failure shows what the services said."""
        variables = json.dumps({"aibench_shipment": str(shipment), "aibench_collected": str(collected)})
        ended = self.ran("in", "ansible-playbook", "-i", str(self.inventory), "site.yml", "-e", variables, cwd=playbooks)
        recap = re.search(r"^h1\s.*changed=(\d+)\s+unreachable=0\s+failed=0", ended.stdout, re.MULTILINE)
        assert recap, ended.stdout[-2000:] + ended.stderr[-500:] + self.ran("sh", "h1", "bash", "-c", JOURNAL).stdout
        return ended.stdout, int(recap[1])


@pytest.fixture
def host() -> Iterator[Host]:
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        pytest.skip(f"a test bed needs {', '.join(absent)}")
    folder = home() / "testbed"
    folder.mkdir(exist_ok=True)
    made = Host(folder)
    made.bed("down")  # what an earlier test that was killed left
    made.bed("image")
    made.bed("up", "1")
    try:
        yield made
    finally:
        made.bed("down")


@pytest.mark.parametrize("spec", ["tests/specs/small.aib", "specs/ecommerce.aib"])
def test_site_deploys_loads_collects_and_then_changes_nothing(spec: str, host: Host, tmp_path: Path) -> None:
    out, shipment, collected = tmp_path / "generated", tmp_path / "shipment", tmp_path / "records"
    load = ["--param", "rate=5/s"] if "ecommerce" in spec else []
    subprocess.run([BIN / "aibenchc", "compile", spec, "--out", out, *load], cwd=ROOT, check=True)
    pack = ["-m", "aibenchrt.control.shipment", "--generated", out, "--out", shipment, "--form", "synthetic", "--size", "tiny"]
    subprocess.run([sys.executable, *pack], cwd=ROOT, check=True)

    _, changed = host.site(out / "ansible", shipment, collected)
    assert changed > 0
    units = host.bed("sh", "h1", "systemctl", "--no-pager", "--plain", "list-units", "aibench-*", "--all", "--no-legend").splitlines()
    plan = json.loads((out / "plan.json").read_text())
    assert len(units) == len(plan["services"])
    assert all(" active " in re.sub(r" +", " ", unit) for unit in units)

    run = collected / "first"
    requests = schema.read(run / "requests.parquet", RequestRecord)
    sent = schema.read(next_schedule(shipment, tmp_path), ScheduleRecord)
    assert len(requests) == len(sent) > 0
    assert {r.request_class for r in requests} <= {r["name"] for r in plan["requests"]}
    failed = [r.error for r in requests if r.outcome != "ok"]
    assert not failed, failed[:3]
    calls = [call for part in sorted(run.glob("calls-*.jsonl")) for call in read_calls(part)]
    assert {r.request_id for r in requests} == {c.request_id for c in calls}
    assert {"ai", "service"} == {c.kind for c in calls}
    effects = {step["task"] for step in plan["steps"] if step["phase"] == "after"}
    assert effects & {c.task for c in calls}, "what runs after the response was recorded before the records were fetched"

    said, changed = host.site(out / "ansible", shipment, collected)
    assert changed == 0, said[-4000:]


def next_schedule(shipment: Path, scratch: Path) -> Path:
    """The schedule that was shipped."""
    (archive,) = shipment.glob("load-*.tar.gz")
    shutil.unpack_archive(archive, scratch / "load", filter="data")
    return scratch / "load" / "schedule.parquet"
