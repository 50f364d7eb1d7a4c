"""Files that somebody made to harm who reads them: pipes, devices, gigabytes in a megabyte, JSON of brackets alone, numbers without end.

Each is told in a line, at once and in little memory; nothing raises but a coded failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aibenchc.cli import main
from aibenchc.placement.deployed import in_folder, shipped
from aibenchrt.collect import schema
from aibenchrt.collect.columns import read_columns
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.lines import read_lines
from aibenchrt.collect.merge import read_host, read_issued
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.records import CallRecord, RequestRecord, TruthRecord
from aibenchrt.control.journal import read_journal
from aibenchrt.control.triton_trace import queue_waits
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import DEEPEST, InputFileError, check_json, json_document, read_bytes
from aibenchrt.load.messages import read_messages
from aibenchrt.load.schedule import read_trace
from aibenchrt.micro.record import read as read_micro
from aibenchrt.plan import read_plan
from aibenchrt.report.make import make_report, report
from aibenchrt.report.reference_file import read_reference
from hypothesis import given
from hypothesis import strategies as st
from paths import SPECS, TEST_SPECS
from synthetic_run import Shape, write_run

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "plan": ("plan.json", read_plan),
    "reference": ("reference.json", read_reference),
    "journal": ("journal.json", read_journal),
    "a generator's figures": ("generator.json", lambda path: read_issued(path.parent)),
    "figures of micro benchmarks": ("micro.json", read_micro),
    "what is deployed": ("h1.json", lambda path: in_folder(path.parent, ["h1"])),
    "a shipment": ("shipment.json", lambda path: shipped(path.parent)),
    "records": ("requests.parquet", lambda path: schema.read(path, RequestRecord)),
    "messages": ("payloads.parquet", read_messages),
    "records as lines": ("calls.jsonl", lambda path: list(read_lines(path, CallRecord))),
    "a host's watch": ("host.jsonl", lambda path: read_host("h1", [path], "shop", ("planner",), None)),
    "Triton's trace": ("trace.json", queue_waits),
    "a load's trace": ("trace.txt", read_trace),
    "a content": ("a" * 64, lambda path: Contents(path.parent).read(path.name)),
}
DEEP = b"[" * 100_000
NUMBERS = (b"1e400", b"-1e308", b"NaN", b"Infinity", b"9" * 30, b"9" * 5000)


def _place(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"endless device": "/dev/zero", "empty device": "/dev/null", "socket": "/dev/stdin"}[kind])


@pytest.mark.parametrize("kind", ["pipe", "endless device", "empty device", "folder"])
@pytest.mark.parametrize("what", READERS)
def test_what_is_no_regular_file_is_told_at_once(tmp_path: Path, what: str, kind: str) -> None:
    name, read = READERS[what]
    _place(tmp_path / name, kind)
    with pytest.raises(EnvironmentFailure) as failure:
        read(tmp_path / name)
    assert "not a regular file" in failure.value.message or failure.value.code == "AIB686"


@pytest.mark.parametrize("content", [DEEP, b'{"a":' * 100_000, *NUMBERS, b'{"version": 1e999}', b"\xff\xfe", b"\0" * 100], ids=str)
@pytest.mark.parametrize("what", [what for what in READERS if what != "a load's trace"])
def test_json_without_end_is_told(tmp_path: Path, what: str, content: bytes) -> None:
    name, read = READERS[what]
    (tmp_path / name).write_bytes(content + b"\n" + content + b"\n")
    if what == "Triton's trace" and b'{"a"' not in content:
        assert read(tmp_path / name) == {}, "it has no event with a time"
    elif what == "a host's watch" and not content.strip(b"\0"):
        read(tmp_path / name)  # a host that lost its power leaves such blocks
    else:
        with pytest.raises(EnvironmentFailure):
            read(tmp_path / name)


@pytest.mark.parametrize("line", ["1e400", "1e308\n1e999", "nan", "inf", "-inf", "9" * 5000, "1\n0", "x"])
def test_a_trace_of_other_numbers_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "trace.txt").write_text(line)
    with pytest.raises(EnvironmentFailure, match="AIB671"):
        read_trace(tmp_path / "trace.txt")


# -- the verbs


VERBS: dict[str, Callable[[Path, Path], list[str]]] = {
    "check": lambda path, _: ["check", str(path)],
    "format": lambda path, _: ["format", "--check", str(path)],
    "measurements": lambda path, _: ["distill", str(TEST_SPECS / "small.aib"), "--measurements", str(path)],
    "signature": lambda path, folder: ["validate", "--spec", str(_signed(path, folder))],
    "reference": lambda path, folder: ["validate", str(folder / "run"), "--reference", str(path)],
    "micro": lambda path, _: ["bench", "micro", "--from", str(path)],
}


def _signed(path: Path, folder: Path) -> Path:
    """A spec of our own beside a sign-off that is somebody else's."""
    spec = folder / "ecommerce.aib"
    shutil.copyfile(SPECS / "ecommerce.aib", spec)
    (folder / "ecommerce.signoff.toml").symlink_to(path)
    return spec


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("hostile") / "run", Shape(duration_s=4))


@pytest.mark.parametrize("kind", ["pipe", "endless device", "deep", "out of range"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_tells_it_in_a_line(tmp_path: Path, run_directory: Path, capsys: pytest.CaptureFixture[str], verb: str, kind: str) -> None:
    path = tmp_path / "given"
    if kind in ("deep", "out of range"):
        path.write_bytes(DEEP if kind == "deep" else b'{"a": {"ndcg": 1e400}}')
    else:
        _place(path, kind)
    (tmp_path / "run").symlink_to(run_directory)
    assert main(VERBS[verb](path, tmp_path)) in (1, 2)
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert "error[AIB" in told.err


# -- Parquet

COLUMNS = pa.schema([("a", pa.int64()), ("s", pa.string()), ("l", pa.list_(pa.string()))])


def _repeated(rows: int, text: str) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def _lists(rows: int, of: int = 1) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.arange(0, rows * of + 1, of, dtype=np.int32)), _repeated(rows * of, "x"))


def _bomb(kind: str) -> pa.Table:
    rows = {"rows": 20_000_000, "lists": 1}.get(kind, 1000)
    numbers = pa.array(np.zeros(rows, np.int64))
    texts = pa.array(["y" * 1_000_000] * 300) if kind == "plain" else _repeated(rows, "x")
    lists = _lists(1, 20_000_000) if kind == "lists" else _lists(rows)
    if kind == "plain":
        numbers, lists = numbers[:300], lists[:300]
    return pa.table({"a": numbers, "s": texts, "l": lists})


@pytest.mark.parametrize("kind", ["rows", "lists", "plain"])
def test_a_small_file_that_stands_for_gigabytes_is_refused_before_it_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(_bomb(kind), path, compression="zstd", use_dictionary=kind != "plain")
    assert path.stat().st_size < 1_000_000
    before = pa.total_allocated_bytes()
    with pytest.raises(InputFileError, match="it stands for"):
        read_columns(path, COLUMNS)
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_equal_texts_are_one_object_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"a": [0] * 40_000, "s": _repeated(40_000, "x" * 100_000), "l": _lists(40_000)}), path)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    columns = read_columns(path, COLUMNS)  # 4 GB if each row had its own
    assert len({id(text) for text in columns["s"]}) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 500_000


@given(st.lists(st.tuples(st.integers(-(2**60), 2**60), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=4)), max_size=30))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, list[str]]]) -> None:
    path = tmp_path_factory.mktemp("columns") / "rows.parquet"
    numbers, texts, lists = ([row[k] for row in rows] for k in range(3))
    pq.write_table(pa.table({"a": numbers, "s": texts, "l": lists}, schema=COLUMNS), path)
    assert read_columns(path, COLUMNS) == {"a": numbers, "s": texts, "l": [tuple(texts) for texts in lists]}


OTHERS: dict[str, Any] = {
    "another column": {"b": [1], "s": ["x"], "l": [["x"]]},
    "another type": {"a": ["1"], "s": ["x"], "l": [["x"]]},
    "floats": {"a": [1.0], "s": ["x"], "l": [["x"]]},
    "no list": {"a": [1], "s": ["x"], "l": ["x"]},
    "a missing number": {"a": [1, None], "s": ["x", "y"], "l": [["x"], []]},
    "a missing text": {"a": [1, 2], "s": ["x", None], "l": [["x"], []]},
    "a missing list": {"a": [1, 2], "s": ["x", "y"], "l": [["x"], None]},
    "a missing entry": {"a": [1, 2], "s": ["x", "y"], "l": [["x"], [None]]},
    "a number of 64 bits": {"a": [2**62], "s": ["x"], "l": [["x"]]},
    "not UTF-8": {"a": [1], "s": pa.array([b"\xff\xfe"]).view(pa.string()), "l": [["x"]]},
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_columns_are_told(tmp_path: Path, what: str) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table(OTHERS[what]), path)
    with pytest.raises(InputFileError):
        read_columns(path, COLUMNS)


@given(st.data())
def test_a_damaged_parquet_file_is_told_or_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("damaged") / "truth.parquet"
    schema.write(path, [TruthRecord(n, (f"relevant=[{n}]",), "") for n in range(200)], TruthRecord)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]) if data.draw(st.booleans()) else bytes(content))
    with contextlib.suppress(EnvironmentFailure):
        schema.read(path, TruthRecord)


# -- JSON


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e90, 1e90) | st.text(), st.lists, max_leaves=20))
def test_json_of_ours_is_never_refused(document: object) -> None:
    content = json.dumps({"document": document, "text": "NaN 1e999 [[[[ \\"}, ensure_ascii=False).encode(errors="surrogatepass")
    if "\\ud" not in json.dumps(document):
        assert json_document(content)["document"] == document


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"b":[', b'["]",'])
def test_the_depth_is_counted_outside_of_texts(opening: bytes) -> None:
    levels = sum(bracket in b"[{" for bracket in opening)
    check_json(opening * (DEEPEST // levels))
    check_json(b'"' + b"[" * 1000 + b'"')
    with pytest.raises(InputFileError, match="nested deeper"):
        check_json(opening * (DEEPEST // levels + 1))


def test_a_large_file_is_not_read_beyond_its_bound(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputFileError, match="larger than 1,000 bytes"):
        read_bytes(tmp_path / "large", 1000)


# -- run directories


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("hostile") / "run", Shape(duration_s=4))


RECORDS: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "all at once": ("requests.parquet", {"intended_ns": 7, "sent_ns": 7}, None),
    "times before the beginning": ("requests.parquet", {"intended_ns": -(2**60), "sent_ns": -(2**60)}, None),
    "times after the end": ("requests.parquet", {"done_ns": 2**60}, None),
    "a class of no plan": ("requests.parquet", {"request_class": "other"}, "AIB609"),
    "an arm that is none": ("requests.parquet", {"arms": ("x=y",)}, "AIB609"),
    "an answer of no type": ("requests.parquet", {"answer": ("ranking=[",)}, "AIB609"),
    "a task of no plan": ("calls.parquet", {"task": "other"}, "AIB609"),
    "an end before its start": ("calls.parquet", {"end_ns": -5}, "AIB609"),
    "a path that goes in circles": ("calls.parquet", {"waited_for": "rank"}, None),
    "more than all cores": ("resources.parquet", {"cpu_share": 1e300}, None),
}


@pytest.mark.parametrize("what", RECORDS)
def test_records_of_a_run_directory_are_judged_or_told(tmp_path: Path, small_run: Path, what: str) -> None:
    name, changes, code = RECORDS[what]
    directory = tmp_path / "run"
    shutil.copytree(small_run, directory)
    row_class = schema.FILES[name]
    schema.write(directory / name, [replace(row, **changes) for row in schema.read(directory / name, row_class)], row_class)
    if code:
        with pytest.raises(EnvironmentFailure, match=code):
            make_report(read_run(directory))
    else:
        make_report(read_run(directory))


@pytest.mark.parametrize("percentile", [0, 100, -1, 2**60])
def test_percentiles_of_a_plan_are_percentiles(tmp_path: Path, small_run: Path, percentile: float) -> None:
    document = json.loads((small_run / "plan.json").read_text()) | {"percentiles": [percentile, 99.0]}
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(EnvironmentFailure, match=r"AIB675.*percentiles"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize(
    "name", ["run.json", "plan.json", "requests.parquet", "calls.parquet", "truth.parquet", "triton.json", "ablation.json"]
)
@pytest.mark.parametrize("kind", ["pipe", "endless device"])
def test_a_run_directory_with_such_a_file_is_told(tmp_path: Path, run_directory: Path, name: str, kind: str) -> None:
    directory = tmp_path / "run"
    shutil.copytree(run_directory, directory)
    (directory / name).unlink(missing_ok=True)
    _place(directory / name, kind)
    with pytest.raises(EnvironmentFailure, match="AIB609"):
        report(directory) if name == "ablation.json" else read_run(directory)
