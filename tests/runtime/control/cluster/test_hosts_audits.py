"""States that are audited on hosts: the program that a playbook runs there, and what is believed of what it wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from aibenchrt.control.cluster.hosts_audits import read_states
from aibenchrt.plan import Plan, PlanHost, TaskService
from aibenchrt.state_audit import MOST_BYTES, Audited, StateAudit, StateAudits, invariant, read_audits, write_audits
from pay_world import ACCEPTED, PayWorld, payment
from service_process import Site, single, site

HOLDS = Audited(counted="1 payment", invariants=(invariant("no money is made or lost", ()),))
FILE = "state_audits-book.json"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site(tmp_path_factory.mktemp("site"), PayWorld(), [single("book", "ledger", engine="sqlite")])


def test_the_program_audits_a_task_where_its_state_is(place: Site, tmp_path: Path) -> None:
    with place.running("book") as served:
        assert served.call(payment=payment(1), decision=ACCEPTED)[0]["receipt"]["accepted"]
        command = [sys.executable, "-m", "aibenchrt.serve.audit_state", "--plan", str(place.generated / "plan.json"), "--task", "book"]
        command += ["--prepared", str(place.prepared), "--state", str(place.state), "--out", str(tmp_path / FILE)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    (audit,) = read_audits(tmp_path / FILE).audits
    assert (audit.stage, audit.component, audit.missing) == ("book", "ledger", "")
    assert audit.audited is not None
    assert audit.audited.counted.startswith("1 payments booked between 10 accounts")
    assert all(not invariant.count for invariant in audit.audited.invariants)


def on_host(plan: Plan) -> Plan:
    service = TaskService(task="book", endpoints=("192.0.2.1:21001",), hosts=("h1",))
    return plan.model_copy(update={"hosts": (PlanHost(name="h1", address="192.0.2.1"),), "services": (service,)})


@pytest.fixture
def records(tmp_path: Path) -> Path:
    (tmp_path / "h1").mkdir()
    return tmp_path


def audit(stage: str, audited: Audited | None = HOLDS) -> StateAudit:
    return StateAudit(stage=stage, component="ledger", audited=audited)


def test_what_a_host_found_is_taken_of_the_stages_that_are_audited_alone(place: Site, records: Path) -> None:
    write_audits(records / "h1" / FILE, StateAudits(audits=(audit("book"), audit("another"))))
    assert read_states(on_host(place.plan), records).audits == (audit("book"),)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "from h1: "),
        (b"", "from h1: "),
        (b"[" * 100_000, "from h1: "),
        (b'{"version": 1, "audits": [{"stage": "book"}]}', "from h1: audits.0"),
        (b'{"version": 1, "audits": []}', "nothing from h1"),
        (b" " * (MOST_BYTES + 1), "from h1: "),
        (b'{"version": 1, "audits": [{"stage": "' + b"x" * 5000 + b'", "component": "ledger", "audited": null}]}', "from h1: "),
    ],
)
def test_what_is_damaged_or_not_there_is_missing_with_the_reason(place: Site, records: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (records / "h1" / FILE).write_bytes(content)
    (found,) = read_states(on_host(place.plan), records).audits
    assert (found.stage, found.audited) == ("book", None)
    assert found.missing.startswith(reason)
