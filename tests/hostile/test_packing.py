"""Root packs records on a host out of folders that others own: nothing in them leads it elsewhere, and the archive holds records alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from paths import ROOT

PACK = ROOT / "templates/ansible/roles/records/files/pack.py"
CALLS = f"calls-0-{'a' * 32}.jsonl"
WATCHED = f"watched-0-{'e' * 32}.jsonl"
TRACED = b'[{"id":1,"model_name":"category","model_version":1,"request_id":"17"}]'
OTHERS = f"calls-1-{'b' * 32}.jsonl"


def packed(run: Path) -> dict[str, bytes]:
    ended = subprocess.run([sys.executable, "-", str(run)], stdin=PACK.open("rb"), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in run.iterdir() if path.is_file()] == ["records.tar.gz"]
    assert (run / "records.tar.gz").stat().st_mode & 0o777 == 0o600
    with tarfile.open(run / "records.tar.gz") as tar:
        assert all(member.isreg() and member.mode == 0o644 and member.uid == 0 for member in tar)
        return {member.name: content.read() for member in tar if (content := tar.extractfile(member))}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for kind in ("generator/contents", "planner", "triton", "service", "watch"):
        (folder / kind).mkdir(parents=True)
    (folder / "planner" / CALLS).write_text("calls\n")
    (tmp_path / "secret").write_text("secret")
    return folder


def test_records_of_all_kinds_are_packed_and_the_same_give_the_same_bytes(run: Path) -> None:
    content = "c" * 64
    (run / "generator" / "requests.parquet").write_bytes(b"requests")
    (run / "generator" / "contents" / content).write_bytes(b"large")
    (run / "triton" / f"triton_trace-0-{'d' * 32}.json.17").write_bytes(TRACED)
    (run / "triton" / f"triton_trace-0-{'d' * 32}.json.18").write_bytes(TRACED.replace(b"17", b"check"))
    (run / "triton" / WATCHED).write_bytes(b"{}")
    (run / "service" / "state_audits-book.json").write_bytes(b"{}")
    (run / "service" / "ledger.sqlite").write_bytes(b"no record")
    (run / "watch" / "host.jsonl").write_bytes(b"{}")
    (run / "watch" / WATCHED).write_bytes(b"{}")  # of another kind of part
    (run / "watch" / "host-after.json").touch()  # empty, as after a full disk
    assert packed(run).keys() == {
        "requests.parquet", f"contents/{content}", CALLS, f"triton_trace-0-{'d' * 32}.json.17", WATCHED, "host.jsonl",
        "state_audits-book.json",
    }  # fmt: skip
    first = (run / "records.tar.gz").read_bytes()
    packed(run)
    assert (run / "records.tar.gz").read_bytes() == first


def test_a_second_collection_of_a_triton_that_goes_on_gives_the_same_bytes(run: Path) -> None:
    """Its last trace of the load is written when it stops, after the watch of the host has ended; checks of its models go on."""
    early, last, check = (run / "triton" / f"triton_trace-0-{'d' * 32}.json.{number}" for number in (1, 2, 3))
    again = run / "triton" / f"watched-0-{'f' * 32}.jsonl"
    (run / "watch" / "host-after.json").write_bytes(b"{}")
    ended = (run / "watch" / "host-after.json").stat().st_mtime_ns
    early.write_bytes(b" " * (1 << 20) + TRACED)  # the request's id is where two chunks meet, or beyond
    last.write_bytes(TRACED.replace(b"17", b"18"))
    served = b'{"realtime_ns":%d}\n'
    died = b'{"realtime_ns":%d,"since_ns":1,"died":"it hangs"}\n'
    (run / "triton" / WATCHED).write_bytes(served % (ended - 10**9))
    for path in (last, run / "planner" / CALLS):
        os.utime(path, ns=(ended + 10**9, ended + 10**9))
    before = packed(run)
    archive = (run / "records.tar.gz").read_bytes()
    assert before.keys() == {CALLS, early.name, last.name, WATCHED, "host-after.json"}
    check.write_bytes(TRACED.replace(b"17", b"check"))
    (run / "triton" / WATCHED).write_bytes(served % (ended - 10**9) + died % (ended + 10**9))
    again.write_bytes(served % (ended + 2 * 10**9))
    assert packed(run) == before
    assert (run / "records.tar.gz").read_bytes() == archive


@pytest.mark.parametrize("until", [True, False])
def test_what_the_watch_of_a_triton_did_not_write_reaches_its_reader(run: Path, until: bool) -> None:
    if until:
        (run / "watch" / "host-after.json").write_bytes(b"{}")
    (run / "triton" / WATCHED).write_bytes(b"\xffno line")
    assert packed(run)[WATCHED] == b"\xffno line"


def plant(path: Path, kind: str, secret: Path) -> None:
    match kind:
        case "a link":
            path.symlink_to(secret)
        case "a second name":
            path.hardlink_to(secret)
        case "a pipe":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
            (path / "x").write_text("secret")
        case "a terabyte":
            path.touch()
            os.truncate(path, 1 << 40)
        case "of another user":
            path.write_text("secret")
            os.chown(path, 1234, 1234)


@pytest.mark.parametrize("kind", ["a link", "a second name", "a pipe", "a folder", "a terabyte", "of another user"])
def test_what_is_no_record_is_left_out(run: Path, kind: str) -> None:
    if kind == "of another user" and os.geteuid():
        pytest.skip("only root gives files away")
    plant(run / "planner" / OTHERS, kind, run.parent / "secret")
    assert packed(run) == {CALLS: b"calls\n"}


@pytest.mark.parametrize("name", ["-T\n.json", "a\nb.jsonl", "--checkpoint-action=exec=id.json", "requests.parquet", f"{CALLS}\n"])
def test_names_are_those_of_the_kinds_records(run: Path, name: str) -> None:
    (run / "planner" / name).write_text("x")
    assert packed(run) == {CALLS: b"calls\n"}


def test_folders_that_are_links_are_left_out(run: Path) -> None:
    (run / "generator" / "contents").rmdir()
    elsewhere = run.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ("e" * 64)).write_text("secret")
    (elsewhere / "host.jsonl").write_text("secret")
    (run / "generator" / "contents").symlink_to(elsewhere)
    (run / "watch").rmdir()
    (run / "watch").symlink_to(elsewhere)
    assert packed(run) == {CALLS: b"calls\n"}


def test_the_archive_replaces_a_link(run: Path) -> None:
    """As an earlier version may have left it, whose folders the parts' user owned."""
    (run / "records.tar.gz").symlink_to(run.parent / "secret")
    assert packed(run) == {CALLS: b"calls\n"}
    assert (run.parent / "secret").read_text() == "secret"
