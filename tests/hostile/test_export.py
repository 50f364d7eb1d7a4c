"""An export holds no payload and no name of a host, user, program or folder, gives the same figures, and is bound like a run."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aibenchc.cli import main
from aibenchrt.answers import Decision
from aibenchrt.collect import schema
from aibenchrt.collect.hashes import BOUND, bind
from aibenchrt.collect.kept_scores import Exported
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import CallRecord, MachineRecord, RequestRecord, ScoreRecord, TruthRecord
from aibenchrt.collect.run_info import Bystander, ClockInfo, ClockOffset, CodeInfo, GeneratorShard, Outage, write_run_info
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanHost
from aibenchrt.report import recompute, report, validate
from aibenchrt.report.export.bundle import export
from aibenchrt.report.export.cleaned import names_a_place
from aibenchrt.report.export.names import Names
from aibenchrt.report.export.scores import per_request
from aibenchrt.report.quality import Scored, score
from exported import Unpacked, figures, unpacked
from hypothesis import given
from hypothesis import strategies as st
from recorded import answer_entries, truth_entries
from synthetic_run import Shape, write_run

SHAPE = Shape(rate=25.0, duration_s=8.0, error_share=0.05)
# Hosts whose names are words of reports, records and plans, too: nothing but the hosts may be renamed.
WORDS = ("run", "p50", "ok", "text", "rank", "latency")
ODD = ("gpu07.rz.acme-muenchen.example", "frankfurt-b2", "Dr.Meier's laptop", "näher-1", "198.18.7.9", "x y")
SECRET = ("jutta.meier", "/home/jutta.meier", "zugspitze.example", "10.20.30.40", "fd00:aa:bb:cc::17", "qemu-secret-guest", "acme-patch17")
EXPORTER = "meiers-own-laptop"
PAYLOAD = "where did my grandmother hide the keys"


def hosts_run(directory: Path, hosts: Sequence[str]) -> Path:
    """A run on these hosts, with all that can name a place or a person in it, bound and reported."""
    write_run(directory, SHAPE)
    run = read_run(directory)
    addresses = [f"10.20.30.{40 + number}" for number in range(len(hosts))]
    endpoints = {service.name: f"{addresses[number % len(hosts)]}:21000" for number, service in enumerate(run.plan.services)}
    services = tuple(
        service.model_copy(update={"endpoints": (endpoints[service.name],), "hosts": (hosts[number % len(hosts)],)})
        for number, service in enumerate(run.plan.services)
    )
    plan = run.plan.model_copy(
        update={
            "hosts": tuple(PlanHost(name=name, address=address) for name, address in zip(hosts, addresses, strict=True)),
            "services": services,
            "generators": (hosts[-1],),
        }
    )
    (directory / "plan.json").write_text(plan.model_dump_json())
    _write_info(directory, run, hosts, addresses)
    _write_records(directory, run, hosts, endpoints)
    bind(directory)
    report(directory)
    return directory


def _write_info(directory: Path, run: Run, hosts: Sequence[str], addresses: Sequence[str]) -> None:
    info = run.info
    offset = ClockOffset(at_ns=100_000_000_000, offset_ns=0, realtime_ns=10**18, uncertainty_ns=100, exchanges=32)
    clock = ClockInfo(planner=f"{addresses[0]}:21000", before=offset, after=offset)
    update = {
        "code": CodeInfo(version="0.1", commit="", sha256="ab" * 32),
        "commands": ("aibenchc run /home/jutta.meier/shop.aib -i /home/jutta.meier/inventory.ini",),
        "hosts": tuple(
            info.hosts[0].model_copy(update={"name": name, "kernel": "6.1.0-13-acme-patch17", "machine": "qemu-secret-guest"})
            for name in hosts
        ),
        "processes": tuple(p.model_copy(update={"host": hosts[0], "reason": "killed by jutta.meier"}) for p in info.processes),
        "stages": tuple(s.model_copy(update={"detail": f"host {hosts[0]} at 10.20.30.40"}) for s in info.stages),
        "outages": (Outage(process="triton", reason="ended by jutta.meier", from_ns=1, until_ns=2, restarts=1, host=hosts[0]),),
        "bystanders": (Bystander(name="zugspitze.example backup", pid=3, cpu_share=0.01, host=hosts[0]),),
        "generators": (GeneratorShard(host=hosts[-1], shard=0, shards=1, figures=info.generator, clocks=(clock,)),),
        "versions": {**info.versions, "acme": "file:///home/jutta.meier/acme.whl", "other": "read from fd00:aa:bb:cc::17"},
    }
    write_run_info(directory, info.model_copy(update=update))


def _write_records(directory: Path, run: Run, hosts: Sequence[str], endpoints: dict[str, str]) -> None:
    failure = f"CallError: 10.20.30.40:21000: DEADLINE_EXCEEDED at zugspitze.example for {PAYLOAD!r}"
    requests = [replace(r, planner=endpoints["planner"], error=failure if r.error else "") for r in run.requests]
    requests[7] = replace(requests[7], answer=answer_entries(ranking=(1, 2), text=(PAYLOAD,)), outcome="ok", error="")
    schema.write(directory / "requests.parquet", requests, RequestRecord)
    schema.write(directory / "calls.parquet", [replace(c, endpoint=endpoints[c.task]) for c in run.calls], CallRecord)
    truth = [replace(row, truth=(*row.truth, *truth_entries(reference=PAYLOAD))) for row in run.truth]
    schema.write(directory / "truth.parquet", truth, TruthRecord)
    machine = [replace(row, host=hosts[number % len(hosts)]) for number, row in enumerate(run.machine)]
    schema.write(directory / "machine.parquet", machine, MachineRecord)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hosts_run(tmp_path_factory.mktemp("odd") / "a run folder", ODD)


@pytest.fixture(scope="module")
def out(odd: Path, tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    """Made on a machine whose own name is long enough not to be among compressed bytes by chance."""
    real = os.uname()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "uname", lambda: os.uname_result((real.sysname, EXPORTER, real.release, real.version, real.machine)))
        patch.setattr(socket, "gethostname", lambda: EXPORTER)
        return unpacked(odd, tmp_path_factory.mktemp("out"))


@pytest.fixture
def copy(out: Unpacked, tmp_path: Path) -> Path:
    shutil.copytree(out.folder, tmp_path / "run")
    return tmp_path / "run"


def test_what_names_a_place_or_a_person_is_not_in_it(odd: Path, out: Unpacked) -> None:
    held = b"".join(path.read_bytes() for path in odd.iterdir())
    for secret in (*ODD, *SECRET):
        assert secret.encode() in held or json.dumps(secret)[1:-1].encode() in held, secret
        assert secret.encode() not in out.content, secret
        assert json.dumps(secret)[1:-1].encode() not in out.content, secret
    for secret in (PAYLOAD, "grandmother", str(odd), odd.name, str(Path.home()), EXPORTER):
        assert secret.encode() not in out.content


def test_it_says_what_is_not_in_it_without_saying_it(out: Unpacked) -> None:
    said = Exported.model_validate_json((out.folder / "export.json").read_bytes())
    assert said == out.bundle.exported
    assert said.replaced == {"address": len(ODD), "deployment": 1, "host": len(ODD), "machine": 1, "program": 1}
    assert "the text of run.versions.acme, which held a path or an address" in said.left_out
    assert any("payloads" in what for what in said.left_out)
    assert said.made_from


@pytest.mark.parametrize("hosts", [WORDS, pytest.param(ODD, marks=pytest.mark.long)])
def test_the_figures_are_those_of_the_run_whatever_its_hosts_are_called(hosts: tuple[str, ...], tmp_path: Path) -> None:
    run = hosts_run(tmp_path / "run", hosts)
    out = unpacked(run, tmp_path)
    assert figures(out.folder) == figures(run)
    before, after = read_run(run), read_run(out.folder)
    assert [host.name for host in after.info.hosts] == [f"host-{number + 1}" for number in range(len(hosts))]
    assert [row.host for row in after.machine[: len(hosts)]] == [host.name for host in after.info.hosts]
    assert after.plan.generators == (f"host-{len(hosts)}",)
    assert [(r.request_class, r.outcome, r.arms) for r in after.requests] == [(r.request_class, r.outcome, r.arms) for r in before.requests]
    assert [c.task for c in after.calls] == [c.task for c in before.calls]
    assert [c.code for c in report(out.folder).verdict.reasons] == [c.code for c in report(run).verdict.reasons]
    assert after.plan.title == before.plan.title


def test_equal_errors_stay_equal(odd: Path, out: Unpacked) -> None:
    errors = {request.error for request in read_run(out.folder).requests if request.error}
    assert errors == {"error 1 (DEADLINE_EXCEEDED)"}
    rows = report(out.folder).errors
    assert [(row.request_class, row.count) for row in rows] == [(row.request_class, row.count) for row in report(odd).errors]


def test_the_same_run_gives_the_same_bytes(odd: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "other name"
    shutil.copytree(odd, moved)
    before = os.umask(0o077)
    try:
        bundles = [export(odd, tmp_path / "1"), export(moved, tmp_path / "2")]
    finally:
        os.umask(before)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert bundles[0] == bundles[1]
    with tarfile.open(tmp_path / "1") as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname, e.mode, e.isreg()) for e in entries} == {(0, 0, 0, "", "", 0o644, True)}


def test_an_untouched_export_is_recomputed_to_the_same(copy: Path, out: Unpacked, capsys: pytest.CaptureFixture[str]) -> None:
    made = recompute(copy, root=out.bundle.root)
    assert made.values > 500
    assert made.verdict.exported_from == out.bundle.exported.made_from
    assert validate(copy) == made.verdict
    said = f"from an export of the run with root {made.verdict.exported_from[:16]}: quality from kept scores"
    for words in (["--recompute"], [], ["--report"]):
        main(["validate", str(copy), *words])
        assert said in capsys.readouterr().out
    assert said[1:] in (copy / "report.html").read_text()


@pytest.mark.parametrize("name", [name for name in BOUND if name not in ("load.json", "state_audits.json")])
def test_an_edited_file_is_found(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    with pytest.raises(EnvironmentFailure) as failure:
        recompute(copy)
    assert failure.value.code in ("AIB609", "AIB703")


def test_an_edited_score_is_found_without_the_hashes(copy: Path, out: Unpacked) -> None:
    scores = list(schema.read(copy / "scores.parquet", ScoreRecord))
    at = next(number for number, row in enumerate(scores) if row.metric == "ndcg@10" and row.value < 1 and row.request_id > 200)
    scores[at] = replace(scores[at], value=1.0)
    schema.write(copy / "scores.parquet", scores, ScoreRecord)
    bind(copy)
    for root, code in (("", "AIB706"), (out.bundle.root, "AIB705")):
        with pytest.raises(EnvironmentFailure) as failure:
            recompute(copy, root=root)
        assert failure.value.code == code


def test_an_export_does_not_pass_for_the_run(copy: Path) -> None:
    """Without what marks it, the answers are gone, and the hashes name files that are missing."""
    (copy / "export.json").unlink()
    assert "V18" in {reason.code for reason in validate(copy).reasons}


@pytest.mark.parametrize("kind", ["file", "link"])
def test_nothing_is_overwritten(odd: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "there"
    if kind == "file":
        file.write_text("mine")
    else:
        file.symlink_to(tmp_path / "nowhere")
    assert main(["export", str(odd), str(file)]) == 2
    assert "AIB742" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
    assert kind == "link" or file.read_text() == "mine"


@pytest.mark.parametrize("what", ["changed", "not bound", "an export", "interrupted"])
def test_what_names_no_root_is_not_exported(odd: Path, out: Unpacked, tmp_path: Path, what: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(out.folder if what == "an export" else odd, run)
    if what == "changed":
        schema.write(run / "truth.parquet", read_run(run).truth[1:], TruthRecord)
    elif what == "not bound":
        (run / "hashes.json").unlink()
    elif what == "interrupted":
        write_run_info(run, read_run(run).info.model_copy(update={"outcome": "interrupted"}))
        bind(run)
    with pytest.raises(EnvironmentFailure) as failure:
        export(run, tmp_path / "file")
    assert failure.value.code == "AIB744"
    assert not (tmp_path / "file").exists()


def test_a_path_that_was_missed_is_found_at_the_end(odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A title may hold what is a path on this machine alone."""
    run = tmp_path / "run"
    shutil.copytree(odd, run)
    monkeypatch.setenv("HOME", "jutta")
    plan = Plan.model_validate_json((run / "plan.json").read_bytes())
    (run / "plan.json").write_text(plan.model_copy(update={"title": "a search of jutta"}).model_dump_json())
    bind(run)
    with pytest.raises(EnvironmentFailure) as failure:
        export(run, tmp_path / "file")
    assert failure.value.code == "AIB743"
    assert not (tmp_path / "file").exists()


def test_the_command_says_what_it_did(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(odd), str(tmp_path / "1")]) == 0
    told = capsys.readouterr()
    assert "names replaced by neutral ones: 6 of kind 'address', 1 of kind 'deployment', 6 of kind 'host'" in told.out
    assert told.out.splitlines()[-1] == str(tmp_path / "1")
    assert main(["export", str(odd), str(tmp_path / "2"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["export"]["made_from"] == read_run(odd).binding.root
    assert said["root"] != said["export"]["made_from"]
    assert main(["export", str(odd), str(tmp_path / "3"), "--root", "0" * 64]) == 2


@given(st.lists(st.text(min_size=1), unique=True))
def test_names_are_replaced_consistently(names: list[str]) -> None:
    known = Names()
    neutral = [known.of("host", name) for name in names]
    assert neutral == [f"host-{number + 1}" for number in range(len(names))]
    assert [known.of("host", name) for name in reversed(names)] == neutral[::-1]


@given(st.ip_addresses(), st.integers(min_value=0, max_value=65535))
def test_no_address_is_left(address: object, port: int) -> None:
    text = str(address)
    known = Names()
    assert known.endpoint(f"{text}:{port}") == (f"{text}:{port}" if text.startswith("127.") or text == "::1" else f"address-1:{port}")
    assert known.endpoint(f"[2001:db8::1]:{port}, {text}:{port}").count(f":{port}") >= 2


@pytest.mark.parametrize("text", ["in /home/me/x", "'/srv/a'", "at 10.1.2.3:80", "file:///a/b", "~/notes", "C:\\Users", "fe80:1:2:3:4:5"])
def test_a_text_with_a_path_or_an_address_is_left_out(text: str) -> None:
    assert names_a_place(text)


@pytest.mark.parametrize(
    "text",
    ["poisson 30/s, text 98 %", "category=text_classification/fasttext:1a2b", "1 × AMD, 2 cores", "https://example.org/a/b", "127.0.0.1:1"],
)
def test_other_texts_stay(text: str) -> None:
    assert not names_a_place(text)


def test_a_metric_over_a_run_is_kept_where_it_is_a_share_of_requests() -> None:
    rng = np.random.default_rng(5)
    genuine = rng.random(200) < 0.6
    accepted = rng.random(200) < 0.5
    scored = score(
        "false_accept_rate",
        [{"genuine": bool(value)} for value in genuine],
        [{"decision": Decision(bool(value), 0.5)} for value in accepted],
    )
    kept = per_request(scored)
    assert kept is not None
    assert [counts for _, counts in kept] == [not value for value in genuine]
    assert math.isclose(sum(value for value, counts in kept if counts) / sum(~genuine), scored.value)
    ranks = rng.random(200)
    assert per_request(Scored(200, None, lambda weights: float(np.sqrt(weights @ ranks)))) is None
