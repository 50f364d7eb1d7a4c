"""Online gaming, in small: real processes, Triton, trained models, the synthetic world; no test doubles."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import Run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanStreams, read_plan
from aibenchrt.planner.executor import Executor
from aibenchrt.report import report
from cuts import cuts
from scenario import SPECS, Deployed, compiled, deploy

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # on a machine without caches the first test trains

SPEC = SPECS / "online_gaming.aib"
PATH = {"reconstruct", "texture", "draw", "restyle"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(SPEC.stem, tmp_path_factory.mktemp(SPEC.stem) / "generated")


@pytest.fixture(scope="module")
def plan(generated: Path) -> Plan:
    return read_plan(generated / "plan.json")


@pytest.fixture(scope="module")
def deployed(generated: Path) -> Deployed:
    return deploy(generated, streams=1, rate=15.0, duration_s=22.0, warmup_s=3.0, supplement=False)


@pytest.fixture(scope="module")
def run(deployed: Deployed) -> Run:
    return deployed.run


def test_distilling_leaves_the_published_tasks(plan: Plan) -> None:
    """AIBench's nine scenarios: 3D object reconstruction, image generation, image-to-image; rendering."""
    components = {stage.component for step in plan.steps for stage in step.stages}
    assert components == {"object_reconstruction_3d", "image_generation", "rendering", "image_to_image"}
    assert {step.task for step in plan.steps} == PATH
    assert [(request.name, request.deadline_s, request.clip) for request in plan.requests] == [("frame", 0.033, 60)]
    assert isinstance(plan.load, PlanStreams)
    assert [update.frequency for update in plan.update] == ["low"]


def test_the_rules_that_have_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distill", str(SPEC), "--trace"]) == 0
    out = capsys.readouterr().out
    assert [rule for rule in range(1, 7) if f"R{rule}: " in out] == [1, 2, 3, 4, 6]


def test_cutting_any_edge_of_the_compiled_plan_is_a_start_up_error(plan: Plan) -> None:
    Executor(plan)
    for cut in cuts(plan):
        with pytest.raises(EnvironmentFailure) as failure:
            Executor(cut)
        assert failure.value.code == "AIB613"


def test_no_request_fails_and_each_takes_the_whole_path(run: Run) -> None:
    assert run.info.outcome == "completed"
    assert len([r for r in run.requests if r.phase == "measured"]) >= 300
    assert Counter(r.outcome for r in run.requests) == {"ok": len(run.requests)}
    for request in run.requests:
        assert Counter(call.task for call in run.calls_of[request.request_id]) == Counter(PATH), request


def test_every_frame_shows_a_body(run: Run) -> None:
    for request in run.requests:
        assert run.answer(request, "picture").startswith(b"\x89PNG")
        solid = run.answer(request, "solid")
        assert solid.side == 24
        assert any(solid.content), "a body of no voxel"


def test_a_run_is_reported_with_its_end_to_end_quality(run: Run) -> None:
    made = report(run.directory)
    rows = {row.metric: row.estimate.value for row in made.quality if row.request_class == "all"}
    assert 0.05 < rows["voxel_iou"] <= 1
    assert 0.05 < rows["silhouette_iou"] <= 1
    assert 0 < rows["ssim"] <= 1
    # Late sends, a busy core, too few samples or missed deadlines are this small run's and this machine's; a failure or a hole is not.
    left = {reason.code for reason in made.verdict.reasons}
    assert left <= {"V03", "V04", "V05", "V06", "V08", "V09", "V16", "V19", "V20", "V25", "V26", "V27"}
    assert {check.code for check in made.verdict.checks if check.ok} >= {"V01", "V02", "V07", "V10", "V11", "V17", "V18"}


def test_nothing_is_left_running(deployed: Deployed) -> None:
    assert deployed.left == ()
