"""The table "Where do I add…" of compiler/README.md, row by row: each kind of thing is added to a scratch copy as the row says, and works.

Nothing but the row's new files and its one table is touched; what the row promises is then asked of the real command line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paths import ROOT, TEST_SPECS

COPIED = ("compiler", "runtime", "grammar", "templates")


@dataclass(frozen=True)
class Addition:
    """new: files by path. table: the only file that is edited. lines: (a line of it, the text to insert after that line)."""

    new: dict[str, str]
    table: str
    lines: tuple[tuple[str, str], ...]
    command: tuple[str, ...]
    shows: str
    specs: dict[str, str] = field(default_factory=dict)


COMPONENT_SPEC = '''"""Counts the terms of a query."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="term_count",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="counts the terms of a query",
    ports=Ports((Port("query", "Query"),), (Port("query", "Query"), Port("terms", "Count"))),
)
'''

COMPONENT_SERVICE = '''"""Counts the terms of a query."""


def open_work(folder, settings, state):
    return lambda inputs: {"query": inputs["query"], "terms": {"value": len(inputs["query"]["term"])}}
'''

DATA_SET = '''"""The data set counted: numbers, counted."""

from dataclasses import dataclass

from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.payload import Payload

PACKAGES = ()


@dataclass(frozen=True)
class Counted:
    version: str
    variant: str
    seed: int
    provenance: tuple = ()


def count(seed, progress):
    return Counted("0" * 64, "synthetic", seed)


WORLDS = WorldCache("counted", __name__, {"synthetic": count}, lambda world, folder: world, lambda folder: count(7, print))


def sizes(world):
    return "20 numbers"


def payloads(world, source, split):
    return [Payload({"text": {"text": str(number)}}, {"reference": str(number)}, number, "", split) for number in range(20)]
'''

DATA_SET_SPEC = """        DatasetSpec(
            name="counted", package="aibenchrt.datasets.counted", doc="numbers, counted", licence="Apache-2.0", data_class=("text",),
            sources=(RequestSource("numbers", (Port("text", "Text"),), "numbers"),), metrics=("chrf",), truth_types=("reference",),
        ),"""

RULE = '''"""R7: leaves everything as it is."""

from aibenchc.distill.rule import Rewrite, Rule, Turn


def leave(turn: Turn) -> Rewrite:
    return Rewrite(turn.flow)


R7 = Rule("R7", "leave everything as it is", leave)
'''

EMITTER = '''"""Plan → tasks.txt: the names of the tasks."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from aibenchrt.plan import Plan

from aibenchc.emit.artifact import Artifact


def emit_tasks(plan: Plan) -> Iterator[Artifact]:
    yield Artifact(PurePosixPath("tasks.txt"), "".join(f"{step.task}\\n" for step in plan.steps).encode())
'''

VERB = '''"""greet: says hello."""

import argparse

from aibenchc.cli.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")


def run(arguments: argparse.Namespace) -> int:
    say(f"hello, {arguments.name}")
    return 0
'''

SMALL = (TEST_SPECS / "small.aib").read_text(encoding="utf-8")
WITH_TERM_COUNT = SMALL.replace("task category ", "task count    : term_count\n  task category ").replace(
    "text -> parse -> category", "text -> parse -> count\n    parse -> category"
)

ADDITIONS = {
    "component": Addition(
        {
            "runtime/aibenchrt/components/term_count/__init__.py": "",
            "runtime/aibenchrt/components/term_count/spec.py": COMPONENT_SPEC,
            "runtime/aibenchrt/components/term_count/service.py": COMPONENT_SERVICE,
        },
        "runtime/aibenchrt/catalog.py",
        (
            ("from aibenchrt.components.tracing.spec import", "from aibenchrt.components.term_count.spec import SPEC as TERM_COUNT"),
            ("        QUERY_PARSING,", "        TERM_COUNT,"),
        ),
        ("check", "small.aib"),
        "7 tasks",
        {"small.aib": WITH_TERM_COUNT},
    ),
    "data set": Addition(
        {"runtime/aibenchrt/datasets/counted/__init__.py": "", "runtime/aibenchrt/datasets/counted/dataset.py": DATA_SET},
        "runtime/aibenchrt/datasets/specs.py",
        (("    (", DATA_SET_SPEC),),
        ("data", "counted"),
        "20 numbers",
    ),
    "rule": Addition(
        {"compiler/aibenchc/distill/r7_nothing.py": RULE},
        "compiler/aibenchc/distill/__init__.py",
        (("from aibenchc.distill.r6_unneeded import R6", "from aibenchc.distill.r7_nothing import R7"), ("RULES: tuple", "R7")),
        ("distill", "small.aib", "--rules", "R7"),
        "6 tasks",
        {"small.aib": SMALL},
    ),
    "emitter": Addition(
        {"compiler/aibenchc/emit/tasks.py": EMITTER},
        "compiler/aibenchc/emit/__init__.py",
        (
            ("from aibenchc.emit.readme import", "from aibenchc.emit.tasks import emit_tasks"),
            ("EMITTERS: tuple", "    Emitter(emit_tasks, every_plan),"),
        ),
        ("compile", "small.aib", "--no-stubs", "--out", "out"),
        "",
        {"small.aib": SMALL},
    ),
    "verb": Addition(
        {"compiler/aibenchc/cli/greet.py": VERB},
        "compiler/aibenchc/cli/verbs.py",
        (("VERBS: tuple[Verb, ...] = (", '    Verb("greet", "say hello"),'),),
        ("greet", "you"),
        "hello, you",
    ),
    "diagnostic": Addition(
        {},
        "compiler/aibenchc/codes.py",
        (("_OURS = (", '    Code("AIB999", "a new mistake", "leave it", "Only a test makes it."),'),),
        ("explain", "AIB999"),
        "a new mistake",
    ),
}


def rows() -> dict[str, str]:
    """Subject of a row → the file that its last column names."""
    page = (ROOT / "compiler" / "README.md").read_text(encoding="utf-8")
    table = page.split("## Where do I add…")[1].split("\n## ")[0]
    files = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        paths = re.findall(r"`([\w./]+\.py)`", cells[-1]) if len(cells) == 3 else []
        if paths:
            files[cells[0]] = paths[-1] if paths[-1].startswith("runtime/") else f"compiler/{paths[-1]}"
    return files


def edited(text: str, lines: tuple[tuple[str, str], ...]) -> str:
    """The text with each line inserted after the line that begins as given; a bare name is added to the tuple on that line."""
    for anchor, addition in lines:
        place = next(line for line in text.splitlines() if line.startswith(anchor))
        into_tuple = place.endswith(")") and addition.isidentifier()
        text = text.replace(place, f"{place[:-1]}, {addition})" if into_tuple else f"{place}\n{addition}", 1)
    return text


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.parametrize("kind", ADDITIONS)
def test_what_the_table_says_is_all_that_is_needed(kind: str, house: Path, tmp_path: Path) -> None:
    addition = ADDITIONS[kind]
    assert rows()[kind] == addition.table
    table = house / addition.table
    before = table.read_text(encoding="utf-8")
    for name, text in addition.new.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(text, encoding="utf-8")
    for name, text in addition.specs.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    table.write_text(edited(before, addition.lines), encoding="utf-8")
    try:
        ended = aibenchc(house, tmp_path, *addition.command)
    finally:
        table.write_text(before, encoding="utf-8")
        for name in addition.new:
            (house / name).unlink()
    assert ended.returncode == 0, ended.stderr
    assert addition.shows in ended.stdout
    if kind == "emitter":
        assert (tmp_path / "out" / "tasks.txt").read_text().splitlines()[0] == "parse"


def test_every_row_that_names_one_table_is_tried_or_said_why_not() -> None:
    # Tests of every scenario read the table of the published ones; tests/runtime/test_answers.py adds the others.
    elsewhere = {"published scenario", "answer type", "metric"}
    assert rows().keys() - ADDITIONS.keys() <= elsewhere
    assert not ADDITIONS.keys() - rows().keys()


def aibenchc(house: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{house / 'compiler'}{os.pathsep}{house / 'runtime'}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "aibenchc", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
