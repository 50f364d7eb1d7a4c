"""What each AI component contributes on real data with `small` models, and one variant as a run of real processes. Minutes."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import Run
from aibenchrt.experiments.ablation.contribution import Contributions
from aibenchrt.experiments.ablation.variants import AblateOptions, ablate
from aibenchrt.plan import read_plan
from aibenchrt.report import record_ablation
from scenario import compiled, deploy

pytestmark = [pytest.mark.long, pytest.mark.timeout(2700)]  # without caches: real data fetched, `small` models trained

CLASSES = {"category": {"text"}, "picture": {"image"}, "recommend": {"text", "image"}, "rank": {"text", "image"}}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled("ecommerce", tmp_path_factory.mktemp("ecommerce") / "generated")


@pytest.fixture(scope="module")
def contributions(generated: Path) -> Contributions:
    return ablate(read_plan(generated / "plan.json"), AblateOptions(variant="real", size="small"))


def test_every_test_request_is_asked(contributions: Contributions) -> None:
    assert contributions.requests == {"text": 3600, "image": 480}


ENOUGH = 1000  # requests: 480 with a picture do not exclude that the recommender adds nothing to them (-2.2 points, from -4.7 to +0.1)


@pytest.mark.parametrize("task", CLASSES)
def test_random_answers_lower_quality_on_every_class_that_uses_the_component(contributions: Contributions, task: str) -> None:
    rows = [r for r in contributions.rows if r.overrides == (f"{task}=random",) and r.metric == "ndcg@10"]
    assert {r.request_class for r in rows} == CLASSES[task]
    for row in rows:
        assert row.difference.value < 0, (task, row)
        assert row.worse or row.difference.n < ENOUGH, (task, row)


@pytest.mark.parametrize("task", CLASSES)
def test_no_baseline_raises_quality(contributions: Contributions, task: str) -> None:
    """A tie is listed; a baseline that wins would be a component that does harm."""
    for row in (r for r in contributions.rows if r.overrides == (f"{task}=baseline",)):
        listed = {(n.task, n.request_class, n.metric) for n in contributions.not_better}
        assert ((task, row.request_class, row.metric) in listed) == (not row.worse)
        assert row.metric != "ndcg@10" or not row.better, row


def run_of(generated: Path, **options: object) -> Run:
    settings = {"variant": "real", "size": "small", "rate": 15.0, "duration_s": 30.0, "warmup_s": 2.0, "supplement_s": 5.0}
    return deploy(generated, **(settings | options)).run


def test_a_run_of_real_processes_says_the_same(generated: Path, contributions: Contributions) -> None:
    """The same schedule twice, the second time with random categories: each other's requests, only worse."""
    base, variant = run_of(generated), run_of(generated, overrides={"category": "random"})
    for run in (base, variant):
        assert {r.outcome for r in run.requests} == {"ok"}
    assert [(r.request_class, r.payload, r.offset_s) for r in base.schedule] == [
        (r.request_class, r.payload, r.offset_s) for r in variant.schedule
    ]
    ablation = record_ablation(base.directory, [variant.directory])
    rows = {r.request_class: r for r in ablation.rows if r.metric == "ndcg@10"}
    assert rows["text"].overrides == ("category=random",)
    assert rows["text"].worse
    same = (rows["image"].difference.low, rows["image"].difference.high)
    assert same == (0.0, 0.0)  # photos do not use it: not one answer differs
    (inside,) = (r for r in contributions.rows if (*r.overrides, r.request_class, r.metric) == ("category=random", "text", "ndcg@10"))
    assert rows["text"].difference.low < inside.difference.high
    assert inside.difference.low < rows["text"].difference.high
