"""A whole local run with a ledger: its state is audited when everything has stopped, and the verdict says what was found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.control.assets import Assets
from aibenchrt.control.local import run as local
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.datasets.payload import Payload
from aibenchrt.plan import Plan, PlanPoisson, PlanRequest, PlanStage, ResponsePart, local_services, wiring_hash
from aibenchrt.report import validate
from aibenchrt.serve.prepare import lay_out, prepare_services
from pay_world import ACCEPTED, PayWorld, payment
from shop_plan import free_ports, generate, port, shop_plan, source, step

WORLD = PayWorld(balance=100_000)


def ledger_plan() -> Plan:
    """payment and decision → book → response."""
    request = PlanRequest(
        name="pay", share=1.0, dataset="shop", source="queries", ports=(port("payment:Payment"), port("decision:Decision"))
    )
    stage = PlanStage(name="book", component="ledger", kind="service", settings={"engine": "sqlite"})
    asked = {"payment:Payment": ["pay.payment"], "decision:Decision": ["pay.decision"]}
    steps = (step("book", asked, ["receipt:Receipt"]).model_copy(update={"stages": (stage,)}),)
    response = (ResponsePart(port=port("receipt:Receipt"), sources=(source("book.receipt"),)),)
    load = PlanPoisson(rate=40.0, duration_s=2.0, warmup_s=0.5, seed=7)
    changed = {
        "scenario": "ledger_trial",
        "requests": (request,),
        "steps": steps,
        "choices": (),
        "response": response,
        "graph_hash": wiring_hash((request,), steps, (), response),
        "slo": (),
        "quality": (),
        "metrics": (),
        "references": (),
    }
    return shop_plan(services=local_services(steps, free_ports(2)), load=load).model_copy(update=changed)


def assets(plan: Plan, options: RunOptions, into: Path) -> Assets:  # noqa: ARG001 - as run_local calls it
    def payloads(first: int) -> list[Payload]:
        values: list[dict[str, Any]] = [{"payment": payment(n, payer=1 + n % 8), "decision": ACCEPTED} for n in range(first, first + 400)]
        return [Payload(each, {}, n, "", "test") for n, each in enumerate(values)]

    return Assets(WORLD, {"pay": payloads(0)}, {"pay": payloads(1000)}, {}, lay_out(prepare_services(plan, WORLD, {}), into))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    folder = generate(ledger_plan(), tmp_path / "generated")
    return lambda: run_local(folder, tmp_path / "runs", RunOptions(variant="synthetic"), assets)


def test_a_ledger_that_balances_passes(made: Callable[[], Path]) -> None:
    directory = made()
    run = read_run(directory)
    (audit,) = run.state_audits.audits
    assert audit.audited is not None
    assert {request.outcome for request in run.requests} == {"ok"}
    booked = len({request.payload for request in run.requests}) + 3  # the trials before the load
    assert audit.audited.counted.startswith(f"{booked} payments booked between 10 accounts")
    assert "state_audits.json" in (directory / "hashes.json").read_text()
    verdict = validate(directory)
    assert [(j.what, j.status) for j in verdict.judgements if j.group == "invariant" and verdict.valid] in (
        [],
        [("all 7 of its state", "PASS")],
    )
    assert next(c for c in verdict.checks if c.code == "V23").ok


def test_money_that_appears_fails_the_run(made: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes to the ledger's file while the run stops."""
    stop = local._stop

    def edit(run: local.LocalRun, reached: local.Stage) -> Any:
        silence = stop(run, reached)
        (file,) = (run.directory / "state").glob("ledger-*.sqlite")
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE accounts SET balance = balance + 100 WHERE account_id = 1001")
            connection.commit()
        return silence

    monkeypatch.setattr(local, "_stop", edit)
    verdict = validate(made())
    rows = {j.what: (j.status, j.reason) for j in verdict.judgements if j.group == "invariant"}
    assert rows["no money is made or lost"][0] == "FAIL"
    assert rows["no money is made or lost"][1].startswith("V24: the balances sum to 800,100 cents, and were opened with 800,000: 100 made")
    assert verdict.exit_code in (1, 3), "FAIL, unless this machine made the run INVALID"


def test_a_ledger_that_is_gone_makes_the_run_invalid(made: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    stop = local._stop

    def remove(run: local.LocalRun, reached: local.Stage) -> Any:
        silence = stop(run, reached)
        for file in (run.directory / "state").glob("ledger-*"):
            file.unlink()
        return silence

    monkeypatch.setattr(local, "_stop", remove)
    verdict = validate(made())
    assert "V23" in {reason.code for reason in verdict.reasons}
    assert verdict.exit_code == 3
