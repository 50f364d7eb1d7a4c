"""A scenario of a partner's package, installed beside ours: every verb treats it as one of ours, and a run of real processes is judged."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from aibenchrt.collect.records import RequestRecord
from aibenchrt.collect.schema import read
from partner import TICKETS
from scenario import PORTS, free_block

QUICK = ("--data", "synthetic", "--size", "tiny")
OF_THE_MACHINE = {"V04", "V05", "V06", "V08", "V09", "V16", "V19", "V20"}  # late, busy, and with that too few


def aibenchc(programs: Path, folder: Path, *words: str, code: int = 0) -> str:
    """The command's standard output; if it ends with another exit code, both streams are shown."""
    ended = subprocess.run([programs / "aibenchc", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout + ended.stderr


def test_the_catalogue_shows_a_library_where_it_is_asked_for(programs: Path, tmp_path: Path) -> None:
    assert "ticket_triage" not in aibenchc(programs, tmp_path, "components")
    shown = aibenchc(programs, tmp_path, "components", "--library", "acme_tickets")
    assert "finds the queue that a ticket belongs to (library acme_tickets)" in shown
    assert "ticket_tidy" in shown
    assert "needs of the world: tickets with the queues" in aibenchc(
        programs, tmp_path, "components", "ticket_triage", "--library", "acme_tickets"
    )
    data = aibenchc(programs, tmp_path, "data", "acme_desk", "--library", "acme_tickets", "--fetch", "synthetic")
    assert re.search(r"acme_desk\s+synthetic\s+\w+\s+here\s+3,300 tickets, 600 held out", data), data


def test_it_is_checked_compiled_and_distilled(programs: Path, tmp_path: Path) -> None:
    assert "2 tasks" in aibenchc(programs, tmp_path, "check", str(TICKETS))
    for folder in ("first", "second"):
        aibenchc(programs, tmp_path, "compile", str(TICKETS), "--out", folder)
    first, second = (
        {p.relative_to(tmp_path / f): p.read_bytes() for p in (tmp_path / f).rglob("*") if p.is_file()} for f in ("first", "second")
    )
    assert first == second
    plan = json.loads(first[Path("plan.json")])
    assert plan["libraries"] == [{"name": "acme_tickets", "distribution": "acme-tickets", "version": "1.0"}]
    assert "message Ticket" in first[Path("proto/tickets.proto")].decode()
    assert "2 tasks" in aibenchc(programs, tmp_path, "distill", str(TICKETS))


def test_a_variant_that_a_data_set_does_not_have_is_told(programs: Path, tmp_path: Path) -> None:
    said = aibenchc(programs, tmp_path, "run", str(TICKETS), "--data", "real", code=2)
    assert "AIB700" in said
    assert "synthetic" in said


def test_its_model_is_asked_on_hosts(programs: Path, tmp_path: Path) -> None:
    """With types of the library in the model's request. Nobody listens at this port."""
    aibenchc(programs, tmp_path, "compile", str(TICKETS), "--out", "generated")
    address = f"127.0.0.1:{free_block(PORTS)}"
    command = [programs / "python", "-m", "aibenchrt.serve.models_answer", address, "--model-repository=generated/triton", "--wait", "0.5"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, f"{address} is not well: model 'triage' answers no inference within 0.5 s\n")


def test_it_runs_and_is_judged(programs: Path, tmp_path: Path) -> None:
    options = ("--duration", "14", "--out", "generated", "--runs", "runs", "--first-port", str(free_block(PORTS)))
    said = aibenchc(programs, tmp_path, "run", str(TICKETS), *QUICK, *options)
    (directory,) = (tmp_path / "runs").iterdir()
    assert str(directory.name) in said
    subprocess.run([programs / "aibenchc", "validate", str(directory), "--report"], cwd=tmp_path, capture_output=True, check=False)
    verdict = json.loads((directory / "verdict.json").read_text(encoding="utf-8"))
    assert {reason["code"] for reason in verdict["reasons"]} <= OF_THE_MACHINE, verdict["reasons"]
    requests = read(directory / "requests.parquet", RequestRecord)
    assert len([request for request in requests if request.phase == "measured"]) >= 300
    quality = {row["metric"]: row["estimate"]["value"] for row in json.loads((directory / "report.json").read_text())["quality"]}
    assert quality["accuracy"] > 0.5, "four queues: chance is 0.25"
    assert quality["top@2"] > quality["accuracy"]
    assert (directory / "report.html").is_file()
    info = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    assert len(info["hashes"]["library acme_tickets"]) == 64
    assert any(package.startswith("acme-tickets=1.0 sha256:") for package in info["fingerprint"]["packages"])


def test_its_model_is_trained_and_shown(programs: Path, tmp_path: Path) -> None:
    said = aibenchc(programs, tmp_path, "train", str(TICKETS), *QUICK, "--out", "generated", "--json", "models.json")
    assert "ticket_triage" in said
    (model,) = json.loads((tmp_path / "models.json").read_text(encoding="utf-8"))["models"]
    (seed,) = model["seeds"]
    assert seed["metrics"]["accuracy"]["value"] > seed["baselines"]["majority"]["accuracy"]["value"] + 0.2


@pytest.mark.long
def test_its_component_is_measured_alone_and_its_worth_in_the_scenario(programs: Path, tmp_path: Path) -> None:
    options = ("--modes", "open", "--duration", "11", "--warmup", "1", "--runs", "runs", "--first-port", str(free_block(PORTS)))
    command = ("bench", "component", "ticket_triage", "--spec", str(TICKETS), *QUICK, *options, "--json", "figures.json")
    subprocess.run([programs / "aibenchc", *command], cwd=tmp_path, capture_output=True, check=False)  # too few for a p99: INVALID
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["component"] == "ticket_triage"
    assert "triage" in aibenchc(programs, tmp_path, "ablate", str(TICKETS), *QUICK, "--out", "ablated")
