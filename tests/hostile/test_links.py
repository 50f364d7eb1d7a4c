"""Folders that somebody prepared: links, pipes and second names where we write. Nothing outside is changed, and nothing waits for ever.

A run directory comes from somebody else, and `report` writes into it; a folder below /tmp has been there before us.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from aibenchc.cli import format as format_verb
from aibenchc.cli.pictures import write_pictures
from aibenchc.syntax.grammar import make_parser
from aibenchrt.collect import schema
from aibenchrt.collect.appender import Appender
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.hashes import HASHES, bind
from aibenchrt.collect.lines import Recorder
from aibenchrt.collect.records import TruthRecord
from aibenchrt.collect.run_info import Issued, RunInfo, write_run_info
from aibenchrt.control.cluster import run as cluster
from aibenchrt.control.cluster.archives import archive, put
from aibenchrt.control.cluster.shipment import keep_load
from aibenchrt.control.journal import Journal
from aibenchrt.control.local.process import Processes
from aibenchrt.control.run_directory import stranger
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import locked
from aibenchrt.load import __main__ as generator
from aibenchrt.load.messages import write_messages
from aibenchrt.report.make import REPORT_HTML, REPORT_JSON, VERDICT_JSON, report, validate
from aibenchrt.report.reference_file import Reference
from aibenchrt.report.writing import write_json, write_text
from synthetic_run import Shape, write_run

KEYS = "ssh-ed25519 AAAA the operator's own key\n"
REFERENCE = Reference(title="t", deployment="d", fingerprint=None, runs=(), items=())
ISSUED = Issued(generator=None, start_ns=0, window_start_ns=0, window_end_ns=0, stopped=False)
CONTENT = b"an answer"


def _run_info(folder: Path) -> None:
    write_run_info(folder, RunInfo.model_construct(run_id="r"))


def _journal(folder: Path) -> None:
    with Journal(folder / "journal.json").stage("prepare"):
        pass


def _contents(folder: Path) -> None:
    kept = Contents(folder)
    kept.keep(CONTENT)
    kept.close()


def _archive(folder: Path) -> None:
    archive("part", [("a", b"x")], folder, key="0" * 16)


def _put(folder: Path) -> None:
    source = folder / "source"
    source.mkdir()
    (source / "a.tar.gz").write_bytes(b"x")
    put(source / "a.tar.gz", folder)


def _load(folder: Path) -> None:
    source = folder / "from"
    source.write_bytes(b"x")
    keep_load({"schedule.parquet": source}, folder)


# What writes → the name that it writes. Each is called with the prepared folder.
WHOLE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "report": (REPORT_HTML, lambda folder: write_text(folder / REPORT_HTML, "page")),
    "verdict": (VERDICT_JSON, lambda folder: write_json(folder / VERDICT_JSON, REFERENCE)),
    "records": ("truth.parquet", lambda folder: schema.write(folder / "truth.parquet", [TruthRecord(1, (), "")], TruthRecord)),
    "messages": ("payloads.parquet", lambda folder: write_messages(folder / "payloads.parquet", {("a", 0): b"x"})),
    "run.json": ("run.json", _run_info),
    "hashes": (HASHES, bind),
    "journal": ("journal.json", _journal),
    "kept state": (cluster.STATE, lambda folder: cluster._keep(folder, cluster.State.model_construct(plan="p"))),
    "generator": ("begun.json", lambda folder: generator._write(folder / "begun.json", ISSUED)),
    "archive": (f"part-{'0' * 16}.tar.gz", _archive),
    "shipped archive": ("a.tar.gz", _put),
    "shipped load": ("schedule.parquet", _load),
    "picture": ("graph.svg", lambda folder: write_pictures(folder, {"graph.svg": "<svg/>"})),
}


def _prepared(folder: Path, name: str, victim: Path, kind: str) -> None:
    """Under the name itself, and under every name that such a file was ever written as first."""
    stem = Path(name).stem
    for attacked in (name, f"{name}.part", f"{stem}.part", f"{name}.unfinished", f".{name}.{os.getpid()}", f".{name}"):
        with contextlib.suppress(FileExistsError):
            (os.symlink if kind == "link" else os.link)(victim, folder / attacked)


@pytest.mark.parametrize("kind", ["link", "second name"])
@pytest.mark.parametrize("what", WHOLE)
def test_what_is_written_whole_replaces_a_link_and_never_follows_it(tmp_path: Path, what: str, kind: str) -> None:
    name, write = WHOLE[what]
    folder, victim = tmp_path / "folder", tmp_path / "authorized_keys"
    folder.mkdir()
    victim.write_text(KEYS)
    _prepared(folder, name, victim, kind)
    if what in ("archive", "shipped archive", "journal"):
        (folder / name).unlink()  # one that is there is taken as it is
    write(folder)
    assert victim.read_text() == KEYS
    assert not (folder / name).is_symlink()
    assert (folder / name).stat().st_ino != victim.stat().st_ino
    assert (folder / name).stat().st_size > 0


def test_a_kept_content_replaces_a_link(tmp_path: Path) -> None:
    name = Contents(tmp_path / "elsewhere").keep(CONTENT)
    victim, folder = tmp_path / "authorized_keys", tmp_path / "contents"
    folder.mkdir()
    victim.write_text(KEYS)
    (folder / f"{name}.part").symlink_to(victim)
    (folder / name).symlink_to(tmp_path / "new_key")  # leads nowhere yet
    kept = Contents(folder)
    assert kept.keep(CONTENT) == name
    kept.close()
    assert victim.read_text() == KEYS
    assert not (tmp_path / "new_key").exists()
    assert kept.read(name) == CONTENT


def _process(folder: Path) -> None:
    with Processes(folder) as processes:
        processes.start("triton", "other", ["true"]).process.wait(30)


def _recorder(folder: Path) -> None:
    recorder = Recorder(folder / "triton.log")
    recorder.add((1,))
    recorder.close()


def _locked(folder: Path) -> None:
    with locked(folder / "triton.log"):
        pass


GROWING: dict[str, Callable[[Path], object]] = {
    "a process's log": _process,
    "records": _recorder,
    "a host's watch": lambda folder: Appender(folder / "triton.log", append=True).add(b"x\n"),
    "a lock": _locked,
}


@pytest.mark.parametrize("kind", ["link", "second name", "pipe"])
@pytest.mark.parametrize("what", GROWING)
def test_what_grows_is_not_written_through_a_link_or_into_a_pipe(tmp_path: Path, what: str, kind: str) -> None:
    folder, victim = tmp_path / "folder", tmp_path / "authorized_keys"
    folder.mkdir()
    victim.write_text(KEYS)
    attacked = folder / "triton.log"
    if kind == "pipe":
        os.mkfifo(attacked)
    else:
        (os.symlink if kind == "link" else os.link)(victim, attacked)
    with pytest.raises(OSError, match=r"symbolic link|file with one name|No such device"):
        GROWING[what](folder)
    assert victim.read_text() == KEYS


def test_a_run_directory_of_somebody_else_does_not_lead_the_report_elsewhere(tmp_path: Path) -> None:
    directory, victim = write_run(tmp_path / "run", Shape(duration_s=4)), tmp_path / "authorized_keys"
    victim.write_text(KEYS)
    for name in (REPORT_HTML, REPORT_JSON, VERDICT_JSON):
        _prepared(directory, name, victim, "link")
    report(directory)
    validate(directory)
    assert victim.read_text() == KEYS
    assert not any((directory / name).is_symlink() for name in (REPORT_HTML, REPORT_JSON, VERDICT_JSON))


def test_a_spec_behind_a_link_is_formatted_where_it_lies_and_the_link_stays(tmp_path: Path) -> None:
    victim, spec, link = tmp_path / "authorized_keys", tmp_path / "shop.aib", tmp_path / "link.aib"
    victim.write_text(KEYS)
    spec.write_text("scenario shop\n")
    link.symlink_to(spec)
    (tmp_path / f".{spec.name}.{os.getpid()}").symlink_to(victim)
    format_verb._replace(link, 'scenario shop "A shop"\n')
    assert victim.read_text() == KEYS
    assert link.is_symlink()
    assert spec.read_text() == 'scenario shop "A shop"\n'


def test_the_grammars_cache_is_not_written_through_a_link(tmp_path: Path) -> None:
    import lark

    victim, cache = tmp_path / "authorized_keys", tmp_path / "cache"
    cache.mkdir()
    make_parser(lark.Transformer(), cache)
    (noted,) = cache.glob("*.sha256")
    noted.unlink()
    victim.write_text(KEYS)
    for name in (noted.name, f"{noted.name}.{os.getpid()}"):
        (cache / name).symlink_to(victim)
    make_parser(lark.Transformer(), cache)
    assert victim.read_text() == KEYS
    assert not noted.is_symlink()


def test_a_run_directory_that_others_can_write_or_that_leads_elsewhere_is_not_gone_on_with(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    assert stranger(directory) == ""
    (directory / "logs").symlink_to(tmp_path)
    assert stranger(directory) == "'logs' in it is a link"
    directory.chmod(0o777)
    assert "others can write" in stranger(directory)


def test_a_resumed_run_is_refused_there(tmp_path: Path) -> None:
    from shop_plan import shop_plan

    directory, plan = tmp_path / "run", shop_plan()
    directory.mkdir(mode=0o700)
    (directory / "generated").symlink_to(tmp_path)
    state = cluster.State.model_validate({"started": "2026-01-01T00:00:00Z", "plan": cluster.plan_hash(plan)})
    cluster._keep(directory, state)
    with pytest.raises(EnvironmentFailure, match=r"AIB634.*'generated' in it is a link"):
        cluster._resumed(directory, plan)
