"""Who changes a file of a run is found: by the hashes, by figures that are made again, or by the root that was kept elsewhere."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from aibenchc.cli import main
from aibenchrt.collect import schema
from aibenchrt.collect.hashes import BOUND, HASHES, bind, sha256_of
from aibenchrt.collect.kept_scores import EXPORT_FILE, SCORES_FILE
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.records import CallRecord, MachineRecord, RequestRecord, ResourceRecord, ScheduleRecord, TruthRecord
from aibenchrt.collect.run_info import CodeInfo, write_run_info
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import recompute, report, validate
from aibenchrt.state_audit import AUDITS_FILE
from synthetic_run import Shape, write_run

RECORDS = {
    "requests.parquet": RequestRecord,
    "calls.parquet": CallRecord,
    "schedule.parquet": ScheduleRecord,
    "truth.parquet": TruthRecord,
    "resources.parquet": ResourceRecord,
    "machine.parquet": MachineRecord,
}
DOCUMENTS = ("run.json", "plan.json", "load.json", "triton.json", "verdict.json", "report.json", HASHES)
FOUND = {"AIB609", "AIB703", "AIB704", "AIB705", "AIB706"}


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its hashes, report and verdict, as run and report leave it."""
    directory = write_run(tmp_path_factory.mktemp("bound") / "run", Shape(rate=25.0, duration_s=6.0))
    (directory / "load.json").write_text('{"arrival": "poisson", "rate": 50.0}\n')
    (directory / "triton.json").write_text('{"rank": {"count": 7}}\n')
    write_run_info(directory, read_run(directory).info.model_copy(update={"code": CodeInfo(version="0.1", commit="", sha256="ab" * 32)}))
    bind(directory)
    report(directory)
    return directory


def root_of(directory: Path) -> str:
    return read_run(directory).binding.root


@pytest.fixture
def copy(bound: Path, tmp_path: Path) -> Path:
    shutil.copytree(bound, tmp_path / "run")
    return tmp_path / "run"


def changed_value(value: Any, rng: random.Random) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((1, -1, 1000, -(10**9), 10**9))
    if isinstance(value, float):
        return value * rng.choice((0.4, 0.999, 1.001, 2.0)) + rng.choice((0.0, 1e-3))
    if isinstance(value, str):
        return value + rng.choice("x01")
    if isinstance(value, tuple):
        return (*value, "x=1") if not value or rng.random() < 0.5 else value[:-1]
    return 1


def edit_records(path: Path, rng: random.Random) -> None:
    """A field of a row, a row left out, or a row twice."""
    row_class = RECORDS[path.name]
    rows: list[Any] = list(schema.read(path, row_class))
    at, how = rng.randrange(len(rows)), rng.random()
    if how < 0.1:
        del rows[at]
    elif how < 0.2:
        rows.insert(at, rows[at])
    else:
        name = rng.choice(fields(row_class)).name
        value = getattr(rows[at], name)
        other = changed_value(value, rng)
        rows[at] = replace(rows[at], **{name: other if other != value else value + 1})
    schema.write(path, rows, row_class)


def edit_document(path: Path, rng: random.Random) -> None:
    """One leaf of it."""
    document = json.loads(path.read_text())
    leaves: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            if isinstance(value[key], dict | list) and value[key]:
                collect(value[key])
            else:
                leaves.append((value, key))

    collect(document)
    holder, key = rng.choice(leaves)
    value = holder[key]
    other = changed_value(value, rng)
    holder[key] = other if other != value else 1
    path.write_text(json.dumps(document, indent=1))


def edit(directory: Path, rng: random.Random) -> str:
    name = rng.choice([*RECORDS, *DOCUMENTS])
    (edit_records if name in RECORDS else edit_document)(directory / name, rng)
    return name


def found(directory: Path, root: str = "") -> str:
    """The code of the failure; '' if nothing is found."""
    try:
        recompute(directory, root=root)
    except EnvironmentFailure as failure:
        return failure.code
    return ""


def assert_found(bound: Path, folder: Path, seed: int) -> None:
    """An edit is found as it stands, and after the hashes were written anew; if the report is written anew as well, the root differs."""
    rng, directory = random.Random(seed), folder / f"edit-{seed}"
    shutil.copytree(bound, directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    name = edit(directory, rng)
    assert (directory / name).read_bytes() != before[name]
    assert found(directory) in FOUND, (seed, name)
    if name not in ("verdict.json", "report.json", HASHES):
        bind(directory)
        assert found(directory) in FOUND, (seed, name, "with new hashes")
        assert root_of_bytes(directory) != root_of_bytes(bound)
        assert found(directory, root_of_bytes(bound)) in FOUND
    shutil.rmtree(directory)


def root_of_bytes(directory: Path) -> str:
    return sha256_of(directory / HASHES)


@pytest.mark.parametrize("seed", range(20))
def test_seeded_edits_are_found(bound: Path, tmp_path: Path, seed: int) -> None:
    assert_found(bound, tmp_path, seed)


@pytest.mark.long
@pytest.mark.parametrize("block", [*range(4), *(pytest.param(block, marks=pytest.mark.nightly) for block in range(4, 20))])
def test_a_thousand_seeded_edits_are_found(bound: Path, tmp_path: Path, block: int) -> None:
    for seed in range(50 * block, 50 * block + 50):
        assert_found(bound, tmp_path, seed)


def test_an_untouched_run_is_recomputed_to_the_same(copy: Path) -> None:
    made = recompute(copy, root=root_of(copy))
    assert made.values > 500
    assert made.verdict.root == root_of(copy)
    validate(copy)
    assert found(copy, root_of(copy)[:16]) == ""


def test_shorter_latencies_are_valid_only_with_another_root(copy: Path) -> None:
    """All that depends on the records written anew: what is left is the root."""
    kept = root_of(copy)
    requests = schema.read(copy / "requests.parquet", RequestRecord)
    schema.write(copy / "requests.parquet", [replace(r, planner_queue_ns=r.planner_queue_ns // 2) for r in requests], RequestRecord)
    made = validate(copy)
    assert "V18" in {reason.code for reason in made.reasons}
    assert "changed: requests.parquet" in next(reason.observed for reason in made.reasons if reason.code == "V18")
    bind(copy)
    report(copy)
    assert found(copy) == ""
    assert root_of(copy) != kept
    assert found(copy, kept) == "AIB705"


def test_hashes_that_are_gone_do_not_go_unnoticed(copy: Path) -> None:
    (copy / HASHES).unlink()
    assert {reason.code for reason in validate(copy).reasons} >= {"V18"}
    assert found(copy) == "AIB704"


def test_a_run_from_before_is_judged_and_says_that_it_is_not_bound(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "run", Shape())
    verdict = validate(directory)
    assert verdict.valid
    assert verdict.root == ""
    assert next(check.observed for check in verdict.checks if check.code == "V18").startswith("not bound")


@pytest.mark.parametrize("name", [name for name in BOUND if name not in ("run.json", EXPORT_FILE, SCORES_FILE, AUDITS_FILE)])
def test_each_file_is_bound(copy: Path, name: str) -> None:
    assert name in json.loads((copy / HASHES).read_text())["files"]
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    with pytest.raises(EnvironmentFailure) as failure:
        recompute(copy)
    assert failure.value.code in ("AIB703", "AIB609")
    assert name in failure.value.message


@pytest.mark.parametrize(
    "hashes", [b"", b"[]", b'{"version": 1}', b'{"files": {"../../../etc/passwd": "00"}, "version": 1}', b'{"files": {}, "version": 1}']
)
def test_hashes_of_somebody_else_are_data(copy: Path, hashes: bytes) -> None:
    (copy / HASHES).write_bytes(hashes)
    assert found(copy) in ("AIB609", "AIB703")


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("verdict.json", lambda d: d.update(valid=not d["valid"]), "verdict.json: valid is"),
        ("verdict.json", lambda d: d.update(exit_code=0, reasons=[]), "verdict.json: length of reasons is 0"),
        ("report.json", lambda d: d["latency"][0]["mean"].update(value=1.0), "report.json: latency[0].mean.value is 1.0"),
        ("report.json", lambda d: d.update(extra=1), "report.json: extra is 1"),
        ("report.json", lambda d: d.pop("title"), "report.json: title is missing"),
    ],
)
def test_the_value_that_was_changed_is_named(copy: Path, name: str, change: Change, said: str) -> None:
    document = json.loads((copy / name).read_text())
    change(document)
    (copy / name).write_text(json.dumps(document))
    with pytest.raises(EnvironmentFailure) as failure:
        recompute(copy)
    assert failure.value.code == "AIB706"
    assert said in failure.value.message


def test_the_command_says_the_root_and_what_it_compared(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = root_of(copy)
    assert main(["validate", str(copy), "--recompute", "--root", root[:16]]) == 3  # too few samples
    said = capsys.readouterr()
    assert "values of verdict.json and report.json are those that the records give" in said.out
    assert f"root {root[:16]}" in said.err.splitlines()[-1]
    assert main(["validate", str(copy), "--root", "0" * 64]) == 2
    assert "AIB705" in capsys.readouterr().err
    assert main(["validate", str(copy), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["root"] == root
