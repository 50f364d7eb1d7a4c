"""What a host sends back: archives made to write elsewhere, to fill the disk or to wait for ever, and records that are none.

Of each archive only whole, regular records come out, in a fresh folder; of records what is damaged is missing, with its reason, and what
the other hosts recorded counts.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.collect.run_info import ClockInfo, ClockOffset, GeneratorInfo, Issued, Outage
from aibenchrt.control.cluster.hosts_records import HostsRecords, read_hosts
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanHost, TaskService, planner_endpoints
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import ROOT
from shop_plan import shop_plan

UNPACK = ROOT / "templates" / "ansible" / "roles" / "records" / "files" / "unpack.py"
S = 1_000_000_000
CALLS = f"calls-0-{'a' * 32}.jsonl"
TRACE = f"triton_trace-0-{'b' * 32}.json"
WATCHED = f"watched-0-{'c' * 32}.jsonl"


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The role's program, from a copy: Python keeps bytecode beside what it imports, and templates are nothing but templates."""
    spec = importlib.util.spec_from_file_location("unpack_records", shutil.copy(UNPACK, tmp_path_factory.mktemp("unpack")))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def member(name: str, content: bytes = b"x", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content if info.isreg() else b""


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with gzip.open(path, "wb") as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=target)


def hostile(out: Path) -> dict[str, list[tuple[tarfile.TarInfo, bytes]]]:
    """out: a folder where nothing may come."""
    return {
        "above the folder": [member("../escaped.json")],
        "an absolute path": [member(str(out / "escaped.json"))],
        "a link, then through it": [link("contents", str(out)), member(f"contents/{'a' * 64}")],
        "a link as a record": [link("host.jsonl", str(out / "secret"))],
        "a second name of a file": [link("host.jsonl", str(out / "secret"), tarfile.LNKTYPE)],
        "a link, then a record": [link("host.jsonl", str(out / "secret")), member("host.jsonl", b"mine")],
        "a pipe": [member("host.jsonl", b"", type=tarfile.FIFOTYPE)],
        "a device": [member("host.jsonl", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=5)],
        "a folder": [member("host.jsonl", b"", type=tarfile.DIRTYPE)],
        "another name": [member(".bashrc"), member("run.json"), member("plan.json"), member(".refused.json", b"[]")],
        "a name with line ends": [member("host.jsonl\n../escaped"), member("\x1b[2Jhost.jsonl")],
        "twice": [member("host.jsonl", b"1"), member("host.jsonl", b"2"), member("./host.jsonl", b"3")],
        "a large content": [member(f"contents/{'a' * 64}", bytes((64 << 20) + 1))],
        "a name of a megabyte": [member("h" * (2 << 20))],
    }


@pytest.mark.parametrize("what", hostile(Path()))
def test_only_records_come_out_of_an_archive(tmp_path: Path, unpack: ModuleType, what: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "records" / "h1"
    outside.mkdir()
    folder.parent.mkdir()
    (outside / "secret").write_text("secret")
    path = archive(folder.parent / "h1.tar.gz", *hostile(outside)[what], member("generator.json", b"{}", mode=0o6777, uid=1))
    unpack.main(str(path), str(folder), str(folder / ".unpacked-1"))
    assert [(file.name, file.read_text()) for file in outside.iterdir()] == [("secret", "secret")]
    assert sorted(file.name for file in (tmp_path / "records").iterdir()) == ["h1", "h1.tar.gz"]
    for file in folder.rglob("*"):
        status = file.lstat()
        assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        assert status.st_nlink == 1 or stat.S_ISDIR(status.st_mode)
        assert not stat.S_IMODE(status.st_mode) & 0o7077, "its owner's alone, no set-uid"
    refused = json.loads((folder / ".refused.json").read_text())
    assert refused
    assert all(reason.isprintable() and reason.isascii() for reason in refused)
    if what != "a name of a megabyte":
        assert (folder / "generator.json").read_text() == "{}"
    if what == "twice":
        assert (folder / "host.jsonl").read_text() == "1"


def test_an_archive_of_records_comes_out_whole_and_replaces_what_was_there(tmp_path: Path, unpack: ModuleType) -> None:
    folder = tmp_path / "h1"
    names = ("requests.parquet", "host.jsonl", "host-after.json", CALLS, TRACE, f"{TRACE}.12", WATCHED, f"contents/{'0' * 64}")
    for content in (b"1", b"2"):
        left = f"./.generator.json.{'0' * 16}"  # by a generator that was killed
        path = archive(tmp_path / "h1.tar.gz", member(left), *(member(f"./{name}", content) for name in names))
        unpack.main(str(path), str(folder), str(folder / f".unpacked-{content.decode()}"))
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert files == {**dict.fromkeys(names, b"2"), ".unpacked-2": b""}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["h1", "h1.tar.gz"]


def test_a_bomb_is_not_unpacked(tmp_path: Path, unpack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("MOST", "MOST_OF_A_FILE"):
        monkeypatch.setattr(unpack, bound, 10 << 20)
    path, folder = tmp_path / "h1.tar.gz", tmp_path / "h1"
    archive(path, member("host.jsonl", b"1"), member("requests.jsonl", bytes(9 << 20)), member(CALLS, bytes(9 << 20)))
    assert path.stat().st_size < 100_000
    unpack.main(str(path), str(folder), str(folder / "mark"))
    assert sum(file.stat().st_size for file in folder.iterdir()) < 11 << 20
    assert "more than" in (folder / ".refused.json").read_text()
    assert (folder / "host.jsonl").read_bytes() == b"1"
    archive(path, member("requests.jsonl", bytes(11 << 20)), member("host.jsonl", b"1"))
    unpack.main(str(path), str(folder), str(folder / "mark"))
    assert not (folder / "requests.jsonl").exists()


def test_a_sparse_file_is_not_unpacked(tmp_path: Path, unpack: ModuleType) -> None:
    """A header that says: a terabyte of holes."""
    info = member("requests.jsonl", b"")[0]
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,0"}
    path, folder = archive(tmp_path / "h1.tar.gz", (info, b"")), tmp_path / "h1"
    unpack.main(str(path), str(folder), str(folder / "mark"))
    assert not (folder / "requests.jsonl").exists()


@given(st.data())
def test_a_damaged_archive_leaves_what_was_whole(tmp_path_factory: pytest.TempPathFactory, unpack: ModuleType, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = archive(folder / "h1.tar.gz", *(member(f"calls-{n}-a.jsonl", b"x" * 300 * n) for n in range(9)))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    unpack.main(str(path), str(folder / "h1"), str(folder / "h1" / "mark"))
    for file in (folder / "h1").glob("calls-*"):
        assert file.stat().st_size <= 300 * 9


# -- records that are none


@pytest.fixture
def plan() -> Plan:
    """On h1 and h2, a generator on each."""
    made = shop_plan()
    services = tuple(service.model_copy(update={"hosts": ("h1",) * len(service.endpoints)}) for service in made.services)
    hosts = tuple(PlanHost(name=name, address="127.0.0.1") for name in ("h1", "h2"))
    assert any(isinstance(service, TaskService) for service in services)
    return made.model_copy(update={"services": services, "hosts": hosts, "generators": ("h1", "h2")})


def request(plan: Plan, number: int) -> RequestRecord:
    times = (number * S, number * S, number * S + 5_000_000)
    return RequestRecord(number, plan.requests[0].name, "measured", 0, *times, "ok", "", ("ranking=[1,2]",), (), "p:1", 4_000_000, 1000)


def call(plan: Plan, number: int) -> CallRecord:
    step = plan.steps[0]
    at = number * S
    return CallRecord(number, step.task, step.kind, "e:1", at, at + 10, at + 1000, 0, 900, "ok", "", "", False, (), ())


def watch(**more: Any) -> dict[str, Any]:
    facts = {
        "cpu_model": "c",
        "cores": 2,
        "memory_kib": 1 << 20,
        "kernel": "k",
        "os": "o",
        "boot": "b",
        "monotonic_ns": 0,
        "realtime_ns": S,
    }
    return {"facts": facts | more, "units": [], "when": "before"}


def records_of(folder: Path, plan: Plan) -> None:
    """What both hosts leave when all is well."""
    clock = ClockOffset(at_ns=0, offset_ns=0, realtime_ns=S, uncertainty_ns=10, exchanges=32)
    figures = GeneratorInfo(
        scheduled=2, sent=2, dropped=0, lateness_p50_ns=0, lateness_p99_ns=0, lateness_max_ns=0, cpu_share=0.1, in_flight_max=1
    )
    for shard, host in enumerate(("h1", "h2")):
        (folder / host).mkdir(parents=True)
        issued = Issued(
            generator=figures, start_ns=0, window_start_ns=0, window_end_ns=9 * S, stopped=False, shard=shard, shards=2,
            clocks=tuple(ClockInfo(planner=planner, before=clock, after=clock) for planner in planner_endpoints(plan)),
        )  # fmt: skip
        (folder / host / "generator.json").write_text(issued.model_dump_json())
        schema.write(folder / host / "requests.parquet", [request(plan, n) for n in (shard + 1, shard + 3)], RequestRecord)
        (folder / host / "host.jsonl").write_text(json.dumps(watch()) + "\n")
    (folder / "h1" / CALLS).write_text("".join(json.dumps(astuple(call(plan, n))) + "\n" for n in (1, 2, 3, 4)))
    (folder / "h1" / TRACE).write_text("[]")
    (folder / "h1" / WATCHED).write_text('{"realtime_ns": 1}\n')


def damaged(**changes: Any) -> Callable[[Path, Plan], None]:
    """The requests of h2 with one field changed."""
    return lambda folder, plan: schema.write(folder / "requests.parquet", [replace(request(plan, 2), **changes)], RequestRecord)


def text(name: str, content: bytes | str) -> Callable[[Path, Plan], None]:
    return lambda folder, _plan: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content) and None


def fields(name: str, make: Callable[[Plan], Any], **changes: Any) -> Callable[[Path, Plan], None]:
    return lambda folder, plan: (folder / name).write_text((json.dumps(astuple(replace(make(plan), **changes))) + "\n") * 2) and None


def look(names: list[list[Any]]) -> Callable[[Path, Plan], None]:
    """A watch that says that these took CPU time."""
    line = {"time_ns": 1, "looked": {"total_us": 10, "busiest": names}}
    return text("host.jsonl", json.dumps(watch()) + "\n" + json.dumps(line) + "\n")


GENERATOR: dict[str, Callable[[Path, Plan], None]] = {
    "figures that are none": text("generator.json", "[]"),
    "figures without end": text("generator.json", b'{"generator":' * 5000),
    "times out of range": text("generator.json", '{"generator": null, "start_ns": 1e300}'),
    "no Parquet": text("requests.parquet", "PAR1" + "x" * 100 + "PAR1"),
    "a class of no plan": damaged(request_class="other"),
    "a phase that is none": damaged(phase="\x1b[2J"),
    "an outcome that is none": damaged(outcome="well"),
    "a negative payload": damaged(payload=-1),
    "an answer before it was sent": damaged(done_ns=1),
    "an arm that is none": damaged(arms=("x=y",)),
    "an answer of no type": damaged(answer=("other=1",)),
    "an answer that cannot be read": damaged(answer=("ranking=[[[",)),
    "an answer elsewhere": damaged(answer=(f"picture@{'a' * 64}",)),
    "an answer outside": damaged(answer=("picture@../../../etc/passwd",)),
}
OTHERS: dict[str, Callable[[Path, Plan], None]] = {
    "a watch that is none": text("host.jsonl", '{"facts": 1, "units": 2}\n'),
    "a watch of brackets": text("host.jsonl", b"[" * 100_000 + b"\n"),
    "a watch of a list": text("host.jsonl", "[1]\n"),
    "a watch without facts": text("host.jsonl", json.dumps({"units": []}) + "\n"),
    "samples that are none": text("host.jsonl", json.dumps(watch()) + '\n{"time_ns": 1, "samples": [["a", 1]]}\n'),
    "more names than it looks for": look([["a", 1, 1]] * 4),
    "a name of a kibibyte": look([["a" * 1024, 1, 1]]),
    "a negative time of a process": look([["a", 1, -1]]),
    "a command line for a name": look([[["a", "--password"], 1, 1]]),
    "cores out of range": text("host.jsonl", json.dumps(watch(cores=10**30)) + "\n"),
    "not UTF-8": text("host.jsonl", b'{"facts": "\xff"}\n'),
}
ON_H1: dict[str, Callable[[Path, Plan], None]] = {
    "a Triton's watch that is none": text(WATCHED, '{"realtime_ns": 1, "since_ns": -1}\n'),
    "a Triton's watch of brackets": text(WATCHED, b"[" * 100_000 + b"\n"),
    "a Triton that died of a long story": text(WATCHED, json.dumps({"realtime_ns": 1, "died": "x" * 601}) + "\n"),
    "a Triton that died too often": text(WATCHED, '{"realtime_ns": 1, "died": "x"}\n' * 1001),
    "calls that are none": text(CALLS, "[1, 2]\n[1]\n"),
    "calls of objects": text(CALLS, '{"a": 1}\n{}\n'),
    "calls with other types": text(CALLS, json.dumps(["x"] * 15) + "\n[]\n"),
    "a call of no task": fields(CALLS, lambda plan: call(plan, 1), task="other"),
    "a call that ends before it starts": fields(CALLS, lambda plan: call(plan, 1), end_ns=0),
    "a call of no outcome": fields(CALLS, lambda plan: call(plan, 1), outcome="well"),
    "a call with another stage": fields(CALLS, lambda plan: call(plan, 1), stages=("parse=x",)),
    "numbers out of range": fields(CALLS, lambda plan: call(plan, 1), start_ns=2**70, end_ns=2**70),
    "a trace that is none": text(TRACE, '[{"id": {}, "timestamps": [{"name": "QUEUE_START", "ns": "x"}]}]'),
    "a trace of numbers": text(TRACE, '[{"timestamps": 7, "id": 1}]'),
}


def read(plan: Plan, folder: Path) -> HostsRecords:
    return read_hosts(plan, folder, [])


def test_what_all_hosts_recorded_counts(tmp_path: Path, plan: Plan) -> None:
    records_of(tmp_path, plan)
    records = read(plan, tmp_path)
    assert [request.request_id for request in records.merged.requests] == [1, 2, 3, 4]
    assert [call.request_id for call in records.calls] == [1, 2, 3, 4]
    assert records.missing == ()
    assert records.merged.whole


def test_a_triton_that_died_meanwhile_is_an_outage_on_the_clock_of_the_run(tmp_path: Path, plan: Plan) -> None:
    """Of each start a file: it served, died of a model, did not come up once, and serves again. h1's realtime is a second ahead."""
    records_of(tmp_path, plan)
    told = (
        [{"realtime_ns": 1 * S}, {"realtime_ns": 4 * S, "since_ns": 2 * S, "died": "model 'a' answers no inference within 10 s"}],
        [{"realtime_ns": 5 * S, "since_ns": 5 * S, "died": "Triton ended: exit code 1"}],
        [{"realtime_ns": 7 * S}],
        [{"realtime_ns": 90 * S, "since_ns": 90 * S, "died": "after the load"}],
    )
    for number, lines in enumerate(told):
        path = tmp_path / "h1" / f"watched-0-{number}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "h1" / "watched-1-0.jsonl").write_text(json.dumps({"realtime_ns": 3 * S, "died": "another server's"}) + "\n")
    (outage,) = read(plan, tmp_path).outages
    reason = "model 'a' answers no inference within 10 s"
    assert outage == Outage(process="triton", reason=reason, from_ns=1 * S, until_ns=6 * S, restarts=2, host="h1")


@pytest.mark.parametrize("what", GENERATOR)
def test_records_of_a_generator_that_are_none_are_missing(tmp_path: Path, plan: Plan, what: str) -> None:
    records_of(tmp_path, plan)
    GENERATOR[what](tmp_path / "h2", plan)
    records = read(plan, tmp_path)
    assert [request.request_id for request in records.merged.requests] == [1, 3], "those of the other"
    assert [call.request_id for call in records.calls] == [1, 3]
    assert not records.merged.whole
    assert [reason for reason in records.missing if "generator 1 on h2" in reason], records.missing
    assert len(records.hosts) == 2


@pytest.mark.parametrize("what", OTHERS)
def test_a_watch_that_is_none_is_missing(tmp_path: Path, plan: Plan, what: str) -> None:
    records_of(tmp_path, plan)
    OTHERS[what](tmp_path / "h2", plan)
    records = read(plan, tmp_path)
    assert [host.name for host in records.hosts] == ["h1"]
    assert "nothing from the watch on h2" in records.missing
    assert len(records.merged.requests) == 4


@pytest.mark.parametrize("what", ON_H1)
def test_calls_and_traces_that_are_none_are_missing(tmp_path: Path, plan: Plan, what: str) -> None:
    records_of(tmp_path, plan)
    ON_H1[what](tmp_path / "h1", plan)
    records = read(plan, tmp_path)
    assert len(records.merged.requests) == 4
    assert len(records.calls) in (0, 4)
    assert [reason for reason in records.missing if reason.startswith("from h1: ")], records.missing


@pytest.mark.parametrize("name", ["generator.json", "requests.parquet", "host.jsonl", CALLS, TRACE, WATCHED])
@pytest.mark.parametrize("kind", ["pipe", "endless device"])
def test_a_record_that_is_no_file_is_missing(tmp_path: Path, plan: Plan, name: str, kind: str) -> None:
    records_of(tmp_path, plan)
    (tmp_path / "h1" / name).unlink()
    if kind == "pipe":
        os.mkfifo(tmp_path / "h1" / name)
    else:
        (tmp_path / "h1" / name).symlink_to("/dev/zero")
    records = read(plan, tmp_path)
    assert records.missing
    assert {2, 4} <= {request.request_id for request in records.merged.requests}


def test_what_unpacking_left_out_is_missing(tmp_path: Path, plan: Plan) -> None:
    records_of(tmp_path, plan)
    (tmp_path / "h2" / ".refused.json").write_text('["../x: records have no such name"]')
    assert read(plan, tmp_path).missing == ("from h2: ../x: records have no such name",)


@settings(max_examples=25)
@given(st.data())
def test_any_damage_to_a_file_is_missing_or_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    made = shop_plan()
    services = tuple(service.model_copy(update={"hosts": ("h1",) * len(service.endpoints)}) for service in made.services)
    hosts = tuple(PlanHost(name=name, address="127.0.0.1") for name in ("h1", "h2"))
    placed = made.model_copy(update={"services": services, "hosts": hosts, "generators": ("h1", "h2")})
    folder = tmp_path_factory.mktemp("hosts")
    records_of(folder, placed)
    path = data.draw(st.sampled_from(sorted(file for file in folder.rglob("*") if file.is_file())))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from(b'0129-"[]{},:eaxnul\x00\xff'))
    path.write_bytes(content)
    try:
        read(placed, folder)
    except EnvironmentFailure as failure:
        pytest.fail(f"{path.name}: {failure}")
