"""Comparing groups of runs: nothing is seen where nothing differs, a planted slowdown is named, and a gate says so to a build."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.run_info import write_run_info
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report.compare.differences import Difference, difference, holm
from aibenchrt.report.compare.gate import Margins, gate, gate_exit_code, github_annotations, junit, markdown
from aibenchrt.report.compare.make import compare
from aibenchrt.report.compare.model import Comparison
from aibenchrt.report.compare.tables import comparison_tables, gate_table
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import Shape, write_run

BASE = Shape(rate=25.0, duration_s=20.0)  # which 500 requests are enough for


def group(folder: Path, name: str, shape: Shape, seeds: range) -> list[Path]:
    return [write_run(folder / f"{name}-{seed}", replace(shape, seed=seed, deployment=f"{name}-{seed}")) for seed in seeds]


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    folder = tmp_path_factory.mktemp("groups")
    slow = replace(BASE, slow_task="recommend", hardware="Another CPU")
    return {
        "a": group(folder, "a", BASE, range(1, 6)),
        "b": group(folder, "b", BASE, range(6, 11)),
        "slow": group(folder, "s", slow, range(1, 6)),
    }


@pytest.fixture(scope="module")
def same(groups: dict[str, list[Path]]) -> Comparison:
    return compare([groups["a"], groups["b"]])


@pytest.fixture(scope="module")
def slower(groups: dict[str, list[Path]]) -> Comparison:
    return compare([groups["a"], groups["slow"]])


def test_of_two_groups_of_one_system_no_difference_is_seen(same: Comparison) -> None:
    (pair,) = same.pairs
    assert {effect.finding for effect in pair.effects} == {"no difference seen"}
    assert {effect.family for effect in pair.effects} == {"latency", "component", "quality"}
    assert pair.differs == ()
    latency, components, answers = pair.sentences
    assert latency.startswith("B against A: no difference seen in latency; what would have been seen: mean by ")
    assert components.startswith("no component's calls are seen to differ")
    assert answers.startswith("no difference seen in the answers")
    assert all(effect.detectable is not None and 0 < effect.detectable < 0.5 for effect in pair.effects)


def test_a_component_that_takes_twice_as_long_is_named(slower: Comparison) -> None:
    (pair,) = slower.pairs
    assert {e.figure: e.finding for e in pair.effects if e.family == "latency"}["mean"] == "higher"
    assert pair.moved[0].task == "recommend"
    assert pair.moved[0].service_ms > 0.8 * 0.85 * 9.0
    assert pair.sentences[1].startswith("recommend moved most: +")
    assert {e.finding for e in pair.effects if e.family == "quality"} == {"no difference seen"}
    assert pair.differs == ("hosts: 1 × Simulated CPU, 2 cores, 8 GiB → 1 × Another CPU, 2 cores, 8 GiB",)


def test_its_tables_have_a_legend_and_as_many_cells_as_columns(slower: Comparison) -> None:
    shown = [*comparison_tables(slower), gate_table(gate(slower, Margins()))]
    assert [table.title for table in shown] == ["Deployments", "B against A", "On the critical paths, B against A", "Gate"]
    for table in shown:
        assert len(table.legend) > 20
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_gate_fails_what_is_worse_than_its_margin(slower: Comparison) -> None:
    strict = gate(slower, Margins(latency=0.05))
    assert next(row.status for row in strict if row.figure == "latency mean") == "FAIL"
    assert gate_exit_code(slower, strict) == 1
    generous = gate(slower, Margins(latency=9.0, quality=0.5))
    assert {row.status for row in generous} == {"PASS"}
    assert gate_exit_code(slower, generous) == 0


def test_an_improvement_of_answers_is_no_failure(slower: Comparison) -> None:
    (pair,) = slower.pairs
    raised = {"change": 0.2, "low": 0.1, "high": 0.3}
    better = tuple(effect.model_copy(update=raised) for effect in pair.effects if effect.family == "quality")
    gated = gate(slower.model_copy(update={"pairs": (pair.model_copy(update={"effects": better}),)}), Margins())
    assert {row.status for row in gated} == {"PASS"}


def test_one_deployment_decides_nothing(groups: dict[str, list[Path]]) -> None:
    comparison = compare([groups["a"][:1], groups["slow"]])
    assert {effect.finding for effect in comparison.pairs[0].effects} == {"not enough deployments"}
    assert "one deployment shows nothing" in comparison.pairs[0].sentences[0]
    assert {row.status for row in gate(comparison, Margins())} == {"INCONCLUSIVE"}
    assert gate_exit_code(comparison, gate(comparison, Margins())) == 4


def test_runs_that_are_invalid_prove_nothing(groups: dict[str, list[Path]], tmp_path: Path) -> None:
    disturbed = group(tmp_path, "d", replace(BASE, others_cpu=0.3), range(1, 3))
    comparison = compare([groups["a"], disturbed])
    assert all("V16" in run for run in comparison.groups[1].invalid)
    gated = gate(comparison, Margins())
    assert {row.status for row in gated} == {"INCONCLUSIVE"}
    assert gate_exit_code(comparison, gated) == 3


def test_runs_with_an_expected_fault_prove_nothing(groups: dict[str, list[Path]], tmp_path: Path) -> None:
    faulty = group(tmp_path, "f", BASE, range(1, 3))
    for run in faulty:
        write_run_info(run, read_run(run).info.model_copy(update={"fault": "a disk is full"}))
    comparison = compare([groups["a"], faulty])
    assert comparison.groups[1].invalid == ("f-1 (expected fault: a disk is full)", "f-2 (expected fault: a disk is full)")
    assert {row.status for row in gate(comparison, Margins())} == {"INCONCLUSIVE"}


def test_what_cannot_be_compared_is_refused(groups: dict[str, list[Path]]) -> None:
    a, slow = groups["a"], groups["slow"]
    for refused, said in (
        ([a], "at least two groups"),
        ([a, []], "at least two groups"),
        ([a, a], "same deployment"),
        ([a[:2], [a[2], slow[0]]], "different fingerprints"),
    ):
        with pytest.raises(EnvironmentFailure) as failure:
            compare(refused)
        assert failure.value.code == "AIB740"
        assert said in failure.value.message


def test_build_servers_read_it(slower: Comparison) -> None:
    hostile = slower.model_copy(update={"scenario": "<b>\x1b[31m&]]>|`x`"})
    gated = gate(hostile, Margins())
    document = ElementTree.fromstring(junit(hostile, gated))
    (suite,) = document
    assert int(suite.attrib["tests"]) == len(gated) == len(suite)
    assert int(suite.attrib["failures"]) == sum(row.status == "FAIL" for row in gated) == len(suite.findall("testcase/failure"))
    text = markdown(hostile, gated)
    assert "\x1b" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    lines = list(github_annotations(gated))
    assert lines[0].startswith("::error title=B against A%3A latency mean FAIL::+")
    assert all("\n" not in line and "%" not in re.sub("%(25|3A|2C)", "", line) for line in lines)


def test_the_verb(groups: dict[str, list[Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", *map(str, groups["a"][:3]), "--", *map(str, groups["slow"][:3])]
    files = ["--junit", str(tmp_path / "gate.xml"), "--markdown", str(tmp_path / "gate.md"), "--github"]
    assert main([*words, "--gate", "--margin", "5%", *files]) == 1
    shown = capsys.readouterr()
    assert "B against A" in shown.out
    assert "::error title=B against A" in shown.out
    assert shown.err.splitlines()[-1].endswith("exit code 1 (a figure FAILs)")
    ElementTree.parse(tmp_path / "gate.xml")
    assert "recommend moved most" in (tmp_path / "gate.md").read_text().replace("\\", "")
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [len(g["runs"]) for g in document["groups"]] == [3, 3]
    assert main(["compare", str(groups["a"][0])]) == 2


def test_differences_of_nothing_are_seen_as_rarely_as_is_said() -> None:
    rng = np.random.default_rng(11)
    alarms = sum(any(tested.seen for tested in holm([difference(*rng.normal(0, 1, (2, 5))) for _ in range(4)], 0.05)) for _ in range(600))
    assert alarms <= 45  # 30 expected; 45 or more by chance in 0.4 % of all seeds


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 3), st.integers(1, 40)), min_size=1, max_size=8))
def test_an_interval_leaves_out_zero_exactly_where_a_difference_is_seen(drawn: list[tuple[float, float, int]]) -> None:
    tested = holm([Difference(*each) for each in drawn], 0.05)
    for result in tested:
        assert result.low <= result.value <= result.high
        assert result.seen == (result.low > 0 or result.high < 0)
        assert result.seen == (result.p <= 0.05)


def test_equal_answers_are_no_difference_and_others_are_one() -> None:
    equal, other = np.full(5, 0.3), np.full(5, 0.4)
    assert [t.seen for t in holm([difference(equal, equal), difference(equal, other)], 0.05)] == [False, True]
