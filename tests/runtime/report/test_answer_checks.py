"""A run whose answers hold nothing, or whose requests take other ways than the plan expects, is INVALID; chance alone makes none so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aibenchrt.answers import Decision, Label
from aibenchrt.collect.empty_answers import empty_is_right, empty_types, is_empty, silent_class
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.plan import PlanSessions
from aibenchrt.report.checks.answers import Share, answer_checks, arm_shares, class_shares
from aibenchrt.report.make import make_report
from aibenchrt.report.validity import Limits
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import NOWHERE, answer_entries, truth_entries
from scipy.stats import binom
from synthetic_run import Shape, write_run

LIMITS = Limits()
RANKING = frozenset(("ranking",))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("answers") / "run", Shape(duration_s=60, supplement_images=200)))


def observed(run: Run) -> dict[str, str]:
    return {check.code: check.observed for check in answer_checks(run, LIMITS) if not check.ok}


def emptied(run: Run, of: set[str], share: float = 1.0) -> Run:
    """Some of the answers to these classes hold nothing."""
    rng = np.random.default_rng(3)

    def after(request: RequestRecord) -> RequestRecord:
        hit = request.request_class in of and rng.random() < share
        return replace(request, answer=answer_entries(ranking=())) if hit and request.outcome == "ok" else request

    return replace(run, requests=tuple(map(after, run.requests)))


def with_hits(run: Run, share: float) -> Run:
    """The cache answers this share of the text requests."""
    rng = np.random.default_rng(4)

    def arms(request: RequestRecord) -> tuple[str, ...]:
        others = tuple(arm for arm in request.arms if not arm.startswith("cache_hit="))
        return (f"cache_hit={int(rng.random() >= share)}", *others) if request.request_class == "text" else others

    return replace(run, requests=tuple(replace(r, arms=arms(r)) for r in run.requests))


def test_a_good_run_passes_both(good: Run) -> None:
    assert observed(good) == {}


def test_a_system_that_answers_nothing_is_invalid(good: Run) -> None:
    verdict = make_report(emptied(good, {"text", "image"}))[0].verdict
    said = {reason.code: reason.observed for reason in verdict.reasons}
    assert "answers to 'text' (100.0 %)" in said["V21"]
    assert verdict.exit_code == 3
    silent = replace(good, requests=tuple(replace(r, answer=()) for r in good.requests))
    assert set(observed(silent)) == {"V21"}


def test_one_rare_class_without_answers_is_found_also_in_its_supplement(good: Run) -> None:
    assert "answers to 'image' (100.0 %)" in observed(emptied(good, {"image"}))["V21"]


@pytest.mark.parametrize(("share", "found"), [(0.02, False), (0.10, True)])
def test_a_few_searches_may_find_nothing(good: Run, share: float, found: bool) -> None:
    assert ("V21" in observed(emptied(good, {"text"}, share))) == found


def test_where_the_truth_is_empty_an_empty_answer_is_right(good: Run) -> None:
    truth = tuple(replace(row, truth=truth_entries(relevant=(), label=3)) for row in good.truth)
    assert "V21" not in observed(replace(emptied(good, {"text", "image"}), truth=truth))


def test_services_alone_may_answer_nothing(good: Run) -> None:
    """As a cache does in a component benchmark, whose plan has no AI task."""
    services = tuple(step.model_copy(update={"kind": "service"}) for step in good.plan.steps)
    assert observed(replace(emptied(good, {"text"}), plan=good.plan.model_copy(update={"steps": services}))) == {}


def test_an_expected_fault_is_no_reason(good: Run) -> None:
    faulty = good.info.model_copy(update={"fault": "the index is emptied"})
    assert observed(replace(with_hits(emptied(good, {"text"}), 0.9), info=faulty)) == {}


@pytest.mark.parametrize(
    ("values", "empty"),
    [
        ({"ranking": ()}, {"ranking"}),
        ({"ranking": (3,)}, set()),
        ({"text": ("", " \n")}, {"text"}),
        ({"text": ("", "a")}, set()),
        ({"label": Label()}, {"label"}),
        ({"label": Label((0,), (0.0,))}, set()),
        ({"decision": Decision()}, {"decision"}),
        ({"decision": Decision(accepted=False, score=0.2)}, set()),
        ({"picture": b""}, {"picture"}),
        ({"ranking": (1,), "text": ("",)}, {"text"}),
    ],
)
def test_what_holds_nothing(values: dict[str, object], empty: set[str]) -> None:
    assert empty_types(answer_entries(**values), NOWHERE) == empty


def test_what_a_metric_scores_may_not_be_empty_and_other_parts_may() -> None:
    both = answer_entries(ranking=(1,), text=("",))
    assert is_empty(both, frozenset(("text",)), NOWHERE)
    assert not is_empty(both, RANKING, NOWHERE)
    assert is_empty((), RANKING, NOWHERE)
    assert not is_empty(answer_entries(text=("a",)), RANKING, NOWHERE), "not every case has every part"


def test_an_impostor_is_refused_rightly_and_a_label_is_always_due() -> None:
    assert empty_is_right({"genuine": False}, ("decision",))
    assert not empty_is_right({"genuine": True}, ("decision",))
    assert empty_is_right({"reference": " "}, ("text",))
    assert not empty_is_right({"label": 0}, ("label",))
    assert not empty_is_right({"relevant": ()}, ("text",)), "it is no text's truth"


@pytest.mark.parametrize(("empty", "silent"), [(3, "text"), (2, None)])
def test_a_class_is_silent_if_all_of_its_three_answers_are_empty(good: Run, empty: int, silent: str | None) -> None:
    first = [r for r in good.measured if r.request_class == "text"][:3]
    answered = [replace(r, answer=answer_entries(ranking=())) if k < empty else r for k, r in enumerate(first)]
    known = {"relevant": (1,)}
    assert silent_class(good.plan, [(r, known) for r in answered], NOWHERE) == silent
    assert silent_class(good.plan, [(r, {"relevant": ()}) for r in answered], NOWHERE) is None
    assert silent_class(good.plan, [(r, known) for r in answered[:2]], NOWHERE) is None, "two say little"


def test_a_cache_that_always_hits_is_found(good: Run) -> None:
    said = {reason.code: reason.observed for reason in make_report(with_hits(good, 0.9))[0].verdict.reasons}
    assert "'cache_hit' arm 1 (cache.hit): 89.6 % of 2,944, expected 15.0 %" in said["V22"]
    assert "expected 15.0 %" in said["V22"]


def test_an_authors_expectation_may_be_off_a_little(good: Run) -> None:
    assert observed(with_hits(good, 0.11)) == {}
    assert observed(with_hits(good, 0.20)) == {}
    assert "V22" in observed(with_hits(good, 0.40))


def test_what_the_run_decides_is_not_judged_on_synthetic_data_or_with_replaced_answers(good: Run) -> None:
    off = with_hits(good, 0.9)
    data = tuple(d.model_copy(update={"variant": "synthetic"}) for d in good.info.data)
    assert observed(replace(off, info=good.info.model_copy(update={"data": data}))) == {}
    models = tuple(m.model_copy(update={"override": "random"}) for m in good.info.models)
    assert observed(replace(off, info=good.info.model_copy(update={"models": models}))) == {}


def test_another_mix_of_classes_is_found(good: Run) -> None:
    text = [r for r in good.requests if r.request_class == "text" and r.phase == "measured"]
    changed = {r.request_id for r in text[::20]}
    requests = tuple(replace(r, request_class="image") if r.request_id in changed else r for r in good.requests)
    assert "class 'image': " in observed(replace(good, requests=requests))["V22"]


def test_a_draw_has_less_margin_than_what_a_flag_decides(good: Run) -> None:
    choices = tuple(
        choice.model_copy(update={"arms": tuple(arm.model_copy(update={"when": None}) for arm in choice.arms)})
        if choice.name == "cache_hit"
        else choice
        for choice in good.plan.choices
    )
    drawn = replace(with_hits(good, 0.11), plan=good.plan.model_copy(update={"choices": choices}))
    assert "seeded draw" in observed(drawn)["V22"]
    assert observed(replace(with_hits(good, 0.15), plan=drawn.plan)) == {}


def test_a_session_keeps_its_class_so_chance_alone_explains_less(good: Run) -> None:
    load = PlanSessions(rate=50.0, think_s=1.0, duration_s=60.0, warmup_s=5.0, seed=7)
    assert {row.margin for row in class_shares(good, LIMITS)} == {0.0}
    in_sessions = replace(good, plan=good.plan.model_copy(update={"load": load}))
    assert [row.margin for row in class_shares(in_sessions, LIMITS)] == pytest.approx([LIMITS.error_share] * 2)


def test_the_first_arm_of_a_fallback_is_always_tried_and_not_judged(good: Run) -> None:
    assert [row.name.partition(" (")[0] for row in arm_shares(good, LIMITS)] == [
        "'cache_hit' arm 1",
        "'cache_hit' arm 2",
        "'tiers' arm 2",
    ]


@settings(max_examples=50)
@given(
    st.integers(1, 60),
    st.floats(0.0, 1.0, allow_nan=False),
    st.floats(0.0, 0.2, allow_nan=False),
    st.floats(-1.0, 1.0, allow_nan=False),
)
def test_the_test_is_exact(n: int, expected: float, margin: float, where: float) -> None:
    """Whatever share within the margin is true, and however few requests there are, p < 0.01 comes at most once in a hundred runs."""
    true = min(1.0, max(0.0, expected + where * margin))
    hits = np.arange(n + 1)
    found = np.array([Share("", int(k), n, expected, margin).p < 0.01 for k in hits])
    assert binom.pmf(hits[found], n, true).sum() <= 0.01 + 1e-9
