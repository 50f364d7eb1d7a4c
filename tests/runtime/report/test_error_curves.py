"""How the errors of decisions are traded: from a model's metadata into run.json, the report, its page and its picture."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.run_info import ErrorCurve
from aibenchrt.control.run_metadata import error_curves
from aibenchrt.report.html import page
from aibenchrt.report.make import make_report
from aibenchrt.report.pictures import pictures
from aibenchrt.train.repository import ModelVersion
from pydantic import ValidationError
from synthetic_run import Shape, write_run

CURVES = (
    ErrorCurve(name="the model", false_accept=(0.001, 0.01, 0.1, 1.0), false_reject=(0.2, 0.05, 0.01, 0.0), chosen=(0.012, 0.045)),
    ErrorCurve(name="a rule", false_accept=(0.001, 0.01, 0.1, 1.0), false_reject=(0.9, 0.6, 0.3, 0.0), chosen=(0.009, 0.61)),
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", Shape()))


@pytest.fixture(scope="module")
def run(plain: Run) -> Run:
    first, *others = plain.info.models
    models = (first.model_copy(update={"error_curves": CURVES}), *others)
    return replace(plain, info=plain.info.model_copy(update={"models": models}))


def test_the_report_has_the_curves_of_the_models_that_have_some(plain: Run, run: Run) -> None:
    made, _ = make_report(run)
    task = run.info.models[0].task
    assert [(row.task, row.of, row.chosen_accept, row.chosen_reject) for row in made.error_curves] == [
        (task, "the model", 0.012, 0.045),
        (task, "a rule", 0.009, 0.61),
    ]
    assert made.error_curves[1].false_reject == CURVES[1].false_reject
    assert make_report(plain)[0].error_curves == ()


def test_the_page_draws_model_and_baseline_with_the_chosen_threshold(run: Run) -> None:
    made, analysis = make_report(run)
    drawn = pictures(analysis, made)
    roc = drawn["roc"]
    texts = re.findall(r">([^<>]+)</text>", roc)
    assert {"the model", "a rule", "wrongly accepted, %", "rightly accepted, %"} <= set(texts)
    assert f"{run.info.models[0].task}: {run.info.models[0].model}" in texts
    assert {"0.1", "1", "10", "100"} <= set(texts), "on a logarithmic axis, in per cent"
    task = run.info.models[0].task
    assert f"the model of {task} 95.5 % at 1.2 % and a rule of {task} 39.0 % at 0.9 %" in roc, "said in words, too"
    shown = page(made, drawn, "<svg></svg>")
    assert "Rightly against wrongly accepted" in shown
    assert "The dot is at the threshold chosen on other persons" in shown


def test_without_curves_there_is_no_picture(plain: Run) -> None:
    made, analysis = make_report(plain)
    assert "roc" not in pictures(analysis, made)
    assert "Rightly against wrongly" not in page(made, pictures(analysis, made), "<svg></svg>")


@pytest.mark.parametrize(
    "wrong",
    [
        {"false_accept": (0.1, 0.2)},
        {"false_accept": (), "false_reject": ()},
        {"false_accept": (0.5,) * 2000, "false_reject": (0.5,) * 2000},
        {"false_accept": (0.1, 0.2, float("nan"), 1.0)},
        {"false_reject": (-0.1, 0.2, 0.3, 0.4)},
        {"chosen": (0.1, 1.5)},
    ],
)
def test_what_is_no_curve_is_refused(wrong: dict[str, object]) -> None:
    whole = CURVES[0].model_dump()
    assert ErrorCurve.model_validate(whole) == CURVES[0]
    with pytest.raises(ValidationError):
        ErrorCurve.model_validate(whole | wrong)


def test_curves_are_read_from_what_training_wrote(tmp_path: Path) -> None:
    def version(metadata: dict[str, object]) -> ModelVersion:
        return ModelVersion("face_embedding", "arcface_small", "v", tmp_path, metadata)

    written = {"of": [{"name": c.name, "false_accept": c.false_accept, "false_reject": c.false_reject, "chosen": c.chosen} for c in CURVES]}
    assert error_curves(version({"only_for_comparison": {"error_curves": written}})) == CURVES
    assert error_curves(version({"only_for_comparison": {}})) == ()
    assert error_curves(version({})) == ()
