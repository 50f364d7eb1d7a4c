"""A scenario of a partner's library on five hosts: its wheel is shipped, and its service and its model serve there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path

from aibenchrt.collect.records import RequestRecord
from aibenchrt.collect.run_info import RunInfo
from aibenchrt.collect.schema import read
from aibenchrt.home import home
from aibenchrt.json_file import read_json
from bed import HERE, OF_THE_MACHINE, bed_marks
from partner import ACME_TICKETS, TICKETS, environment

pytestmark = bed_marks(1200)


def test_a_partners_library_runs_on_five_hosts(tmp_path: Path) -> None:
    programs = environment(tmp_path / "environment", ACME_TICKETS)
    command = ["bash", str(HERE / "cluster.sh"), "5", str(TICKETS), "--deployment", "hosts", "--data", "synthetic", "--size", "tiny"]
    command += ["--rate", "20", "--warmup", "4", "--duration", "25", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "generated")]
    surroundings = {**os.environ, "PFX": "li", "AIBENCH_PROGRAMS": str(programs)}
    ended = subprocess.run(command, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=1100)
    match = re.search(r"^The report: (.*)/report\.html$", ended.stdout, re.MULTILINE)
    assert match, ended.stdout[-3000:] + ended.stderr[-3000:]
    directory = Path(match[1])

    requests = read(directory / "requests.parquet", RequestRecord)
    assert {request.outcome for request in requests} == {"ok"}
    assert len([request for request in requests if request.phase == "measured"]) >= 300
    verdict = json.loads((directory / "verdict.json").read_text(encoding="utf-8"))
    assert {reason["code"] for reason in verdict["reasons"]} <= OF_THE_MACHINE | {"V08"}, verdict["reasons"]

    wheels = {sha256(path.read_bytes()).hexdigest() for path in (home() / "shipments").rglob("acme_tickets-1.0-py3-none-any.whl")}
    info = read_json(directory / "run.json", RunInfo)
    digest = info.hashes["library acme_tickets"]
    assert digest in wheels, "what was shipped"
    assert f"acme-tickets=1.0 sha256:{digest[:16]}" in info.fingerprint.packages
