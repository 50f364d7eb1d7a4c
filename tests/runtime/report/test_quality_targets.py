"""Targets on quality are judged on what the models answered in the run, beside their held-out value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import CallRecord
from aibenchrt.plan import PlanPort, PlanQuality, ResponsePart, Source
from aibenchrt.report.judgements import quality_judgements
from aibenchrt.report.make import make_report
from aibenchrt.report.model import Estimate, Judgement
from aibenchrt.report.quality import quality_rows
from recorded import answer_entries
from synthetic_run import Shape, write_run


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("quality") / "run", Shape()))


def judged(run: Run) -> dict[tuple[str, str], Judgement]:
    return {(j.title, j.what): j for j in quality_judgements(run, np.random.default_rng(1))}


def noted(run: Run, task: str, note: Callable[[CallRecord], tuple[str, ...]]) -> Run:
    return replace(run, calls=tuple(replace(c, note=note(c)) if c.task == task else c for c in run.calls))


def targets(run: Run, *quality: PlanQuality, **plan: Any) -> Run:
    return replace(run, plan=run.plan.model_copy(update={"quality": quality, **plan}))


def ranked(run: Run, bound: float) -> Run:
    """The response is the ranker's own output, and the ranker has the target."""
    source = Source(task="rank", port="items")
    details = ResponsePart(port=PlanPort(name="details", type="Details"), sources=(source,))
    target = PlanQuality(task="rank", metric="precision@10", bound=bound)
    return targets(run, target, response=(details,))


def test_a_classifier_that_is_always_wrong_in_the_run_fails_whatever_it_was_held_out(good: Run) -> None:
    wrong = noted(good, "category", lambda _: ("category=77",))
    seen = judged(wrong)
    assert seen["category", "accuracy, held-out"].status == "PASS"
    in_run = seen["category", "accuracy, in this run"]
    assert (in_run.status, in_run.observed.partition(" [")[0]) == ("FAIL", "0.0 %")
    only = targets(wrong, PlanQuality(task="category", metric="accuracy", bound=0.7))
    assert make_report(only)[0].verdict.exit_code == 1, "all else passes"


def test_an_answer_of_the_model_itself_is_judged_by_the_metric_of_answers(good: Run) -> None:
    reached = {c.request_id for c in good.calls if c.task == "rank"}
    in_run = judged(ranked(good, 0.05))["rank", "precision@10, in this run"]
    assert in_run.status == "PASS"
    scored = sum(r.phase == "measured" and r.request_id in reached for r in good.requests)
    assert in_run.reason.endswith(f"{scored:,} answers"), "what the cache answered is not the ranker's"


def test_below_the_target_with_other_models_before_it_nothing_is_decided(good: Run) -> None:
    bad = tuple(replace(r, answer=answer_entries(ranking=(999_999,))) for r in good.requests)
    low = judged(replace(ranked(good, 0.05), requests=bad))["rank", "precision@10, in this run"]
    assert low.status == "INCONCLUSIVE"
    assert "with the errors of category, picture, recommend in it" in low.reason


def test_requests_that_no_other_model_worked_for_count_alone_if_there_are_enough(good: Run) -> None:
    """Without calls of other AI tasks the answers are the ranker's alone, and below the target they fail."""
    others = {"category", "picture", "recommend"}
    alone = replace(good, calls=tuple(c for c in good.calls if c.task not in others))
    bad = tuple(replace(r, answer=answer_entries(ranking=(999_999,))) for r in good.requests)
    assert judged(replace(ranked(alone, 0.05), requests=bad))["rank", "precision@10, in this run"].status == "FAIL"


def test_the_answers_of_a_model_that_others_work_on_further_are_not_its_own(good: Run) -> None:
    recommend = PlanQuality(task="recommend", metric="hit_rate@10", bound=0.05)
    assert set(judged(targets(good, recommend))) == {("recommend", "hit_rate@10, held-out")}


def test_too_few_answers_decide_nothing(good: Run) -> None:
    first = [c for c in good.calls if c.task == "category"][-19:]
    few = replace(good, calls=tuple(c for c in good.calls if c.task != "category" or c in first))
    assert judged(few)["category", "accuracy, in this run"].status == "INCONCLUSIVE"


def test_synthetic_data_and_replaced_answers_are_not_comparable(good: Run) -> None:
    data = tuple(d.model_copy(update={"variant": "synthetic"}) for d in good.info.data)
    models = tuple(m.model_copy(update={"override": "random" if m.task == "picture" else None}) for m in good.info.models)
    for change in ({"data": data}, {"models": models}):
        seen = judged(replace(good, info=good.info.model_copy(update=change)))
        assert seen["category", "accuracy, in this run"].status == "NOT COMPARABLE"


def test_quality_is_drawn_by_whole_users(good: Run) -> None:
    """Every request of a user is answered alike well: as many draws as there are users, not as there are requests."""

    def interval(run: Run) -> Estimate:
        return next(row.estimate for row in quality_rows(run, np.random.default_rng(1)) if row.metric == "precision@10")

    payloads = {request.request_id: request.payload for request in good.requests}
    users = replace(good, truth=tuple(replace(row, cluster=f"user {payloads[row.request_id] % 5}") for row in good.truth))
    assert "bootstrap over 5 clusters" in interval(users).method
    assert interval(users).n == interval(good).n
    assert f"bootstrap over {len({(r.request_class, r.payload) for r in good.measured})} clusters" in interval(good).method
