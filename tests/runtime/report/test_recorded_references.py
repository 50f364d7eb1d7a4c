"""References of several deployments: what passes them, what fails them, what they cannot decide, and what cannot be one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.run_info import write_run_info
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import record_reference, reference_block, validate, validate_together, write_reference
from aibenchrt.report.model import Judgement
from aibenchrt.report.reference_file import Reference, ReferenceItem, read_reference
from aibenchrt.report.reference_rule import Sides, decide
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from synthetic_run import Shape, write_run

BASE = Shape(rate=25.0, duration_s=20.0)  # which 500 requests are enough for


def deployments(folder: Path, name: str, shape: Shape, seeds: range) -> list[Path]:
    return [write_run(folder / f"{name}-{seed}", replace(shape, seed=seed, deployment=f"{name}-{seed}")) for seed in seeds]


def of(judgements: tuple[Judgement, ...], title: str = "local") -> dict[str, Judgement]:
    return {j.what: j for j in judgements if j.title.startswith(title)}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    made = record_reference(deployments(folder, "r", BASE, range(1, 6)))
    write_reference(folder / "reference.json", made)
    (folder / "block.aib").write_text(reference_block(made))
    return folder / "reference.json"


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return deployments(tmp_path_factory.mktemp("same"), "s", BASE, range(6, 11))


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return deployments(tmp_path_factory.mktemp("slower"), "w", replace(BASE, slow=1.2), range(6, 11))


def test_further_deployments_of_the_same_system_pass(reference: Path, same: list[Path]) -> None:
    judged = of(validate_together(same, [reference]).judgements)
    assert {judged[name].status for name in ("latency mean", "latency p50", "time in AI components")} == {"PASS"}
    assert "FAIL" not in {j.status for j in judged.values()}
    assert judged["latency mean"].observed.endswith("ms, 5 deployments")


def test_one_run_is_judged_by_how_much_the_references_deployments_vary(reference: Path, same: list[Path]) -> None:
    verdict = validate(same[0], (reference,))
    assert "FAIL" not in {j.status for j in of(verdict.judgements).values()}
    assert of(verdict.judgements)["time in AI components"].status == "PASS"


def test_a_slower_system_fails(reference: Path, slower: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    made = validate_together(slower, [reference])
    judged = of(made.judgements)
    assert {judged[name].status for name in ("latency mean", "latency p50", "latency p90")} == {"FAIL"}
    assert made.exit_code == 1
    command = ["validate", *map(str, slower), "--reference", str(reference)]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "latency mean" in out
    assert "5 VALID deployments; " in err
    assert "decided by reference latency mean: " in err
    assert not (slower[0] / "verdict.json").exists(), "a verdict is of one run alone"
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == made.model_dump(mode="json")


def test_a_faster_system_is_another_but_fails_nothing(reference: Path, tmp_path: Path) -> None:
    made = validate_together(deployments(tmp_path, "f", replace(BASE, slow=0.7), range(6, 11)), [reference])
    mean = of(made.judgements)["latency mean"]
    assert (mean.status, made.exit_code) == ("INCONCLUSIVE", 4)
    assert "faster by more than the margin" in mean.reason


def test_noisy_deployments_decide_nothing(tmp_path: Path, slower: list[Path]) -> None:
    """Their tolerance was made of their noise, so that anything passed it."""
    runs = [
        write_run(tmp_path / f"n{i}", replace(BASE, seed=i, deployment=f"n{i}", slow=slow))
        for i, slow in enumerate((0.7, 1.4, 1, 0.8, 1.2))
    ]
    write_reference(tmp_path / "noisy.json", record_reference(runs))
    judged = of(validate(slower[0], (tmp_path / "noisy.json",)).judgements)
    assert {judged[name].status for name in ("latency mean", "latency p50", "latency p90")} == {"INCONCLUSIVE"}
    assert "; found would be +" in judged["latency mean"].reason


def test_other_hardware_is_not_comparable_however_near(tmp_path: Path, reference: Path) -> None:
    run = write_run(tmp_path / "run", replace(BASE, seed=6, deployment="d6", hardware="Another CPU"))
    assert {j.status for j in of(validate(run, (reference,)).judgements).values()} == {"NOT COMPARABLE"}


def test_an_ablation_and_the_references_own_runs_are_not_judged(tmp_path: Path, reference: Path) -> None:
    ablated = write_run(tmp_path / "run", replace(BASE, seed=6, deployment="d6", override=("rank", "random")))
    for run in (ablated, reference.parent / "r-1"):
        assert {j.status for j in of(validate(run, (reference,)).judgements).values()} == {"NOT COMPARABLE"}


def test_the_block_says_what_the_json_says(reference: Path) -> None:
    block = (reference.parent / "block.aib").read_text()
    assert block.startswith('  reference "local, 5 deployments" {\n    on local\n    fingerprint "')
    assert "    latency p90 " in block
    assert "    # latency mean " in block, "a spec names percentiles only"
    assert "    ratio p90 / recommend.p90 = " in block
    assert "within 20%" in block
    assert "    time ai " in block
    assert block.count("5 deployments, coefficient of variation ") == len(read_reference(reference).items)
    assert "e-" not in block


@pytest.mark.parametrize(("factor", "status"), [(1.0, "PASS"), (0.5, "FAIL"), (2.0, "INCONCLUSIVE")])
def test_an_authors_figure_has_its_margin_alone(factor: float, status: str, same: list[Path], tmp_path: Path) -> None:
    """Of one run its own interval decides, of several that of their mean. Faster than the margin allows is not FAIL."""
    info = read_run(same[0]).info
    mean = of(validate(same[0], (written(tmp_path, info.fingerprint.hash, 1.0),)).judgements)["latency p50"].observed
    path = written(tmp_path, info.fingerprint.hash, factor * float(mean.split()[0]))
    assert of(validate(same[0], (path,)).judgements)["latency p50"].status == status
    assert of(validate_together(same, (path,)).judgements)["latency p50"].status == status


def written(folder: Path, fingerprint: str, value: float) -> Path:
    item = ReferenceItem.model_validate({"quantity": {"kind": "latency", "percentile": 50}, "value": value, "within": 0.3})
    made = Reference(title="local", deployment="local", fingerprint=fingerprint, runs=(), items=(item,))
    write_reference(folder / "author.json", made)
    return folder / "author.json"


CASES = {
    "two of a deployment": ({"deployment": "r-1"}, "AIB616", "same deployment"),
    "two fingerprints": ({"hardware": "Another CPU"}, "AIB616", "different fingerprints"),
    "an ablation": ({"override": ("rank", "random")}, "AIB616", "ablation"),
    "an INVALID run": ({"error_share": 0.1}, "AIB616", "V07"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_a_reference(tmp_path: Path, reference: Path, case: str) -> None:
    change, code, said = CASES[case]
    other = write_run(tmp_path / "other", replace(BASE, **{"seed": 9, "deployment": "d9", **change}))
    with pytest.raises(EnvironmentFailure, match=said) as failure:
        record_reference([*(reference.parent / f"r-{i}" for i in range(1, 5)), other])
    assert failure.value.code == code


def test_an_expected_fault_makes_no_reference(tmp_path: Path, reference: Path) -> None:
    other = write_run(tmp_path / "other", replace(BASE, seed=9, deployment="d9"))
    write_run_info(other, read_run(other).info.model_copy(update={"fault": "a disk is full"}))
    with pytest.raises(EnvironmentFailure, match=r"a fault was expected during other \(a disk is full\)") as failure:
        record_reference([*(reference.parent / f"r-{i}" for i in range(1, 5)), other])
    assert failure.value.code == "AIB616"
    made = validate_together([reference.parent / "r-1", other], [written(tmp_path, read_run(other).info.fingerprint.hash, 20.0)])
    assert made.invalid == ("other (expected fault: a disk is full)",)
    assert ({j.status for j in of(made.judgements).values()}, made.exit_code) == ({"INCONCLUSIVE"}, 3)


def test_fewer_than_five_deployments_are_too_few(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reference", *(str(reference.parent / f"r-{i}") for i in range(1, 5))]) == 2
    err = capsys.readouterr().err
    assert "AIB761" in err
    assert "aibenchc run SPEC --repeats 5" in err


def test_the_verb_takes_a_margin(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(reference.parent / f"r-{i}") for i in range(1, 6)]
    assert main(["reference", *runs, "--margin", "4%", "--title", "mine"]) == 0
    block = capsys.readouterr().out
    assert 'reference "mine"' in block
    assert "within 4%" in block
    for wrong in ("0", "101%", "x"):
        assert main(["reference", *runs, "--margin", wrong]) == 2


@pytest.mark.parametrize("version", [1, 2])
def test_a_reference_of_the_rule_before_is_told_from_a_broken_file(tmp_path: Path, reference: Path, version: int) -> None:
    old = json.loads(reference.read_text())
    items = [{**item, "spread": {"single": 1e-4, "dof": 5, "runs": 2, "cv": 0.01}, "deployments": None} for item in old["items"]]
    (tmp_path / "old.json").write_text(json.dumps({**old, "version": version, "items": items}))
    with pytest.raises(EnvironmentFailure, match="recorded by an earlier rule") as failure:
        read_reference(tmp_path / "old.json")
    assert failure.value.code == "AIB760"


@pytest.mark.parametrize("deployments", [[1.0] * 4, [1.0, 1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0, -1.0]])
def test_a_file_with_too_few_or_impossible_figures_is_refused(tmp_path: Path, reference: Path, deployments: list[float]) -> None:
    made = json.loads(reference.read_text())
    made["items"][0]["deployments"] = deployments
    (tmp_path / "r.json").write_text(json.dumps(made))
    with pytest.raises(EnvironmentFailure) as failure:
        read_reference(tmp_path / "r.json")
    assert failure.value.code == "AIB663"


def test_what_cannot_be_judged_together(tmp_path: Path, reference: Path, same: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    other = write_run(tmp_path / "run", replace(BASE, seed=6, deployment="d6", hardware="Another CPU"))
    for runs, said in (([same[0], same[0]], "same deployment"), ([same[0], other], "different fingerprints")):
        with pytest.raises(EnvironmentFailure, match=said) as failure:
            validate_together(runs, [reference])
        assert failure.value.code == "AIB762"
    assert main(["validate", str(same[0]), str(same[1]), "--report"]) == 2
    assert "AIB762" in capsys.readouterr().err


def drawn(rng: np.random.Generator, shift: float, count: int = 5, figures: int = 4) -> NDArray[np.float64]:
    return shift + 0.04 * rng.standard_normal((figures, count))


def statuses(rng: np.random.Generator, shift: float, judged: int) -> list[list[str]]:
    pairs = [(drawn(rng, 0.0), drawn(rng, shift, judged)) for _ in range(400)]
    return [[d.status for d in decide([Sides(x, y, 0.1, True) for x, y in zip(*pair, strict=True)])] for pair in pairs]


@pytest.mark.parametrize("judged", [1, 3, 5])
def test_an_unchanged_system_seldom_fails_and_a_slower_one_seldom_passes(judged: int) -> None:
    rng = np.random.default_rng(4)
    assert sum("FAIL" in row for row in statuses(rng, 0.0, judged)) <= 0.05 * 400
    slow = statuses(rng, np.log(1.2), judged)
    assert sum(row[0] == "PASS" for row in slow) <= 0.05 * 400
    if judged == 5:
        assert sum(row[0] == "FAIL" for row in slow) >= 0.9 * 400


@given(
    st.lists(st.floats(-1, 1), min_size=5, max_size=8),
    st.lists(st.floats(-1, 1), min_size=1, max_size=6),
    st.floats(0.01, 1),
    st.floats(0, 3),
    st.booleans(),
)
def test_what_is_slower_still_is_never_judged_better(x: list[float], y: list[float], margin: float, more: float, latency: bool) -> None:
    """From a deviation that is not below 0 on."""
    recorded, judged = np.array(x), np.array(y)
    judged = judged - min(0.0, float(judged.mean() - recorded.mean()))
    order = ("PASS", "INCONCLUSIVE", "FAIL")
    one, other = (decide([Sides(recorded, judged + shift, margin, latency)])[0] for shift in (0.0, more))
    assert order.index(other.status) >= order.index(one.status)
    assert one.low <= one.change <= one.high
