"""A plan, and whatever else we wrote as JSON, that is damaged when it is read: told with its place and a code by all that read it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aibenchrt.collect.merge import read_host, read_issued
from aibenchrt.control.cluster.run import run_cluster
from aibenchrt.control.journal import read_journal
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import ClusterOptions, RunOptions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.json_file import MOST_BYTES
from aibenchrt.plan import Plan, PlanHost, read_plan
from aibenchrt.report.reference_file import read_reference
from hypothesis import given
from hypothesis import strategies as st
from shop_plan import shop_plan

WHOLE = shop_plan().model_dump_json(indent=1)


def _changed(change: Callable[[dict[str, object]], object]) -> bytes:
    document = json.loads(WHOLE)
    change(document)
    return json.dumps(document).encode()


DAMAGED = {
    "empty": (b"", "EOF while parsing a value at line 1 column 0"),
    "cut": (WHOLE.encode()[:2000], "EOF while parsing"),
    "not UTF-8": (WHOLE.encode().replace(b"a shop", b"a sh\xf6p"), "it is not UTF-8: byte"),
    "something else": (b"[1, 2]", "Input should be an object"),
    "an older version": (_changed(lambda plan: plan.update(version=1)), "it is of version 1, and this program reads version 2"),
    "a newer version": (_changed(lambda plan: plan.update(version=3, more={})), "it is of version 3, and this program reads version 2"),
    "no load": (_changed(lambda plan: plan.pop("load")), "load: Field required"),
    "a load of no kind": (_changed(lambda plan: plan.update(load={"arrival": "tides"})), "load: Input tag 'tides'"),
    "users at a rate": (
        _changed(lambda plan: plan.update(load={"arrival": "users", "rate": 3, "duration_s": 9, "warmup_s": 1, "seed": 7})),
        "load.users.users: Field required (and 2 more)",
    ),
    "a service of no kind": (_changed(lambda plan: plan.update(services=[{"endpoints": []}])), "services.0: Unable to extract tag"),
    "a port that is none": (_changed(lambda plan: plan.update(response=[{"port": 7, "sources": []}])), "response.0.port: Input should be"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_plan_is_told_with_its_place_and_a_way_out(tmp_path: Path, damage: str) -> None:
    content, reason = DAMAGED[damage]
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(EnvironmentFailure, match="AIB675") as failure:
        read_plan(path)
    assert str(path) in failure.value.message
    assert reason in failure.value.message
    assert "aibenchc compile" in failure.value.hint


def test_what_is_no_file_or_too_large_for_a_plan(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nowhere.json", "No such file"), (tmp_path, "not a regular file")):
        with pytest.raises(EnvironmentFailure, match=rf"AIB675.*{reason}"):
            read_plan(path)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(EnvironmentFailure, match=r"AIB675.*larger than 67,108,864 bytes"):
        read_plan(large)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, len(WHOLE)), st.binary(max_size=3))
def test_whatever_is_changed_it_is_a_plan_or_coded(tmp_path_factory: pytest.TempPathFactory, start: int, length: int, new: bytes) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    whole = WHOLE.encode()
    path.write_bytes(whole[:start] + new + whole[start + length :])
    try:
        assert isinstance(read_plan(path), Plan)
    except EnvironmentFailure as failure:
        assert failure.code == "AIB675"  # noqa: PT017 - either outcome is right


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A generated folder with the plan of an older version."""
    folder = tmp_path / "generated"
    folder.mkdir()
    (folder / "plan.json").write_bytes(DAMAGED["an older version"][0])
    return folder


@pytest.mark.parametrize(
    "program",
    [
        ["aibenchrt.planner", "--address", "127.0.0.1:1", "--records", "records"],
        ["aibenchrt.serve.service_host", "--task", "parse", "--address", "127.0.0.1:1", "--prepared", ".", "--state", "state"],
        ["aibenchrt.control.cluster.shipment", "--out", "shipment"],
    ],
    ids=lambda program: program[0].rpartition(".")[2],
)
def test_every_program_that_reads_a_plan_says_so(older: Path, program: list[str]) -> None:
    command = [sys.executable, "-m", *program, "--generated", str(older)]
    ended = subprocess.run(command, cwd=older, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "error[AIB675]" in ended.stderr
    assert "it is of version 1, and this program reads version 2" in ended.stderr
    assert "help: run `aibenchc compile SPEC` again" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_runs_of_an_older_plan_begin_nothing(older: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(EnvironmentFailure, match="AIB675"):
        run_local(older, runs, RunOptions())
    with pytest.raises(EnvironmentFailure, match="AIB675"):
        run_cluster(older, tmp_path / "hosts.ini", runs, ClusterOptions(RunOptions()))
    assert not runs.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[{}]", b'{"version": 9}'])
def test_damaged_records_are_told(tmp_path: Path, content: bytes) -> None:
    for name, read, code in (
        ("journal.json", lambda folder: read_journal(folder / "journal.json"), "AIB609"),
        ("generator.json", read_issued, "AIB609"),
        ("reference.json", lambda folder: read_reference(folder / "reference.json"), "AIB663"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EnvironmentFailure, match=code) as failure:
            read(tmp_path)
        assert name in failure.value.message


def test_a_damaged_line_of_a_host_s_watch_is_told(tmp_path: Path) -> None:
    (tmp_path / "watch.jsonl").write_text('{"time_ns": 1}\n{"time_ns": \n{"time_ns": 3}\n{"cut')
    with pytest.raises(EnvironmentFailure, match=r"AIB609.*watch.jsonl.*line 2"):
        read_host("h1", [tmp_path / "watch.jsonl"], "shop", (), None)


@pytest.mark.parametrize("content", [b"", b"\xff", b'{"version": 9}'])
def test_a_run_whose_state_is_damaged_is_not_resumed(tmp_path: Path, content: bytes) -> None:
    plan = shop_plan()
    services = tuple(service.model_copy(update={"hosts": ("h1",)}) for service in plan.services)
    hosts = (PlanHost(name="h1", address="127.0.0.1"),)
    placed = plan.model_copy(update={"services": services, "hosts": hosts, "generators": ("h1",)})
    (tmp_path / "plan.json").write_text(placed.model_dump_json())
    (tmp_path / "cluster.json").write_bytes(content)
    with pytest.raises(EnvironmentFailure, match=r"AIB634.*cluster.json") as failure:
        run_cluster(tmp_path, tmp_path / "hosts.ini", tmp_path / "runs", ClusterOptions(RunOptions(), resume=tmp_path))
    assert "aibenchc run -i" in failure.value.hint
