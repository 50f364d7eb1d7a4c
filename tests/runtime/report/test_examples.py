"""Examples of a run: what the records say is bounded and escaped, and only a run with pictures of the same data has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aibenchrt.answers import Boxes
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.datasets.worlds import world_name
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanPort
from aibenchrt.report.examples import BOXES, LONGEST, Example, Frame, Shown, frames, page, write_examples
from synthetic_run import Shape, write_run

NAMES = ("chair", "lamp")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", Shape(duration_s=6.0)))


def test_boxes_are_cut_to_the_picture_and_few() -> None:
    far = 1e300
    corners = ((-5.0, 2.0, 20.0, far), (200.0, 0.0, 300.0, 9.0), (8.0, 8.0, 4.0, 9.0), (float("nan"), 0.0, 5.0, 5.0), (1.0, 1.0, 2.0, 2.0))
    found = list(frames(Boxes(corners, (0, 1, 0, 1, 7), (0.5,) * 5), NAMES, 100, 50))
    assert found == [Frame(0.0, 2.0, 20.0, 48.0, "chair 50 %"), Frame(1.0, 1.0, 1.0, 1.0, "class 7 50 %")]
    unsure = Boxes(((0.0, 0.0, 5.0, 5.0),) * 3, (0, 1, 1), (0.6, 0.21, 0.19))
    assert [box.said for box in frames(unsure, NAMES, 100, 50)] == ["chair 60 %", "lamp 21 %"]
    many = Boxes(((0.0, 0.0, 5.0, 5.0),) * 99, (0,) * 99, (0.5,) * 99)
    assert len(list(frames(many, NAMES, 100, 50))) == BOXES


def test_texts_of_a_run_are_no_markup(run: Run) -> None:
    evil = '<script>alert(1)</script>"onload=x'
    example = Example(
        1,
        evil,
        "data:image/png;base64,",
        10,
        10,
        (Frame(0, 0, 1, 1, evil),),
        (),
        (("caption", evil, evil + "x"),),
        (Shown("", evil, "other"),),
    )
    text = page(replace(run, info=run.info.model_copy(update={"title": evil, "run_id": evil})), [example], "synthetic")
    assert "<script>" not in text
    assert "onload=x" in text, "it is shown"
    assert '"onload' not in text
    assert "Synthetic data" in text
    assert LONGEST < 1000


def test_a_run_without_pictures_or_of_other_data_has_no_examples(run: Run) -> None:
    (first, *_) = run.plan.requests
    with_pictures = run.plan.model_copy(update={"requests": (first.model_copy(update={"ports": (PlanPort(name="image", type="Image"),)}),)})
    (data, *_) = run.info.data
    here = {"name": world_name(run.plan), "variant": "synthetic", "world_version": "0" * 64}
    other = run.info.model_copy(update={"data": (data.model_copy(update=here),)})
    nameless = run.info.model_copy(update={"data": (data.model_copy(update={"name": "elsewhere"}),)})
    for changed, code in (
        (replace(run, info=other, plan=with_pictures), "AIB709"),
        (replace(run, info=nameless, plan=with_pictures), "AIB709"),
        (run, "AIB708"),
    ):
        with pytest.raises(EnvironmentFailure) as failure:
            write_examples(changed)
        assert failure.value.code == code
        assert not (Path(run.directory) / "examples.html").exists()
