"""The audit: what it asks and how it judges, on records of known truth; and real deployments with a hidden cache, or with answers that
are others under load."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.experiments.audit.judging import judged
from aibenchrt.experiments.audit.rows import REPEATS_FROM, TIMES, audit_rows
from aibenchrt.experiments.audit.tables import audit_tables
from aibenchrt.libraries import use
from aibenchrt.plan import PlanExclusiveArm, PlanExclusiveChoice
from aibenchrt.planner.executor import draw, drawn_arm
from aibenchrt.report.audit import Audit, Repeats
from partner_package import installed
from recorded import answer_entries
from schema_problems import problems
from synthetic_run import Shape, write_run

MS = 1_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("audited") / "run", Shape(rate=25.0, duration_s=30.0)))


@pytest.fixture(scope="module")
def rows(run: Run) -> tuple[ScheduleRecord, ...]:
    return audit_rows(run, 7)


def answered(
    run: Run,
    rows: Sequence[ScheduleRecord],
    faster: float = 1.0,
    changed: Callable[[RequestRecord, bool], RequestRecord] = lambda request, _: request,
) -> Run:
    """The deployment that was asked again: answers of the run, latencies by payload with noise; of repeats times `faster`. changed: what a
    request became, and whether it is a repeat."""
    before = {request.request_id: request for request in run.requests}
    of_payload = {(r.request_class, r.payload): r for r in reversed(run.measured) if r.outcome == "ok"}
    rng = np.random.default_rng(3)
    seen: Counter[tuple[str, int]] = Counter()
    requests = []
    for row in rows:
        key = (row.request_class, row.payload)
        like = before.get(row.request_id) or of_payload[key]
        repeat = seen[key] > 0
        seen[key] += 1
        took = int(MS * (20 + row.payload % 50) * rng.lognormal(0, 0.2) * (faster if repeat else 1.0))
        begin = int(row.offset_s * 1e9)
        made = replace(like, request_id=row.request_id, phase="measured", intended_ns=begin, sent_ns=begin, done_ns=begin + took)
        requests.append(changed(made, repeat))
    return replace(run, requests=tuple(requests), calls=(), schedule=tuple(rows))


def test_an_audit_is_as_its_schema_says(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    document = json.loads(judged(run, answered(run, rows), run_valid=True).model_dump_json())
    assert problems("audit", document) == []
    assert problems("audit", {**document, "more": 1}) != []
    assert problems("audit", {**document, "repeats": [{**document["repeats"][0], "limit": "0.8"}]}) != []


def class_row(audit: Audit, name: str = "text") -> Repeats:
    return next(row for row in audit.repeats if row.scope == "class" and row.name == name)


def test_the_sample_keeps_its_requests_and_shares_no_payload_with_the_repeats(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    sample = [row for row in rows if row.request_id < REPEATS_FROM]
    before = {request.request_id: (request.request_class, request.payload) for request in run.measured}
    assert all(before[row.request_id] == (row.request_class, row.payload) for row in sample)
    assert len({(row.request_class, row.payload) for row in sample}) == len(sample) >= 50
    asked = Counter((row.request_class, row.payload) for row in rows if row.request_id >= REPEATS_FROM)
    assert set(asked.values()) == {TIMES}
    assert not set(asked) & {(row.request_class, row.payload) for row in sample}
    assert [row.offset_s for row in rows] == sorted(row.offset_s for row in rows)
    assert len({row.request_id for row in rows}) == len(rows)
    assert audit_rows(run, 7) == rows != audit_rows(run, 8)


def test_repeats_draw_what_the_first_drew(run: Run) -> None:
    choice = PlanExclusiveChoice(name="ranker", arms=tuple(PlanExclusiveArm(share=share) for share in (0.2, 0.3, 0.5)))
    plan = run.plan.model_copy(update={"choices": (*run.plan.choices, choice)})
    rows = audit_rows(replace(run, plan=plan), 7)
    drawn: dict[tuple[str, int], set[int]] = {}
    for row in rows:
        if row.request_id >= REPEATS_FROM:
            arm = drawn_arm(choice, draw(plan.seed, row.request_id, choice.name))
            drawn.setdefault((row.request_class, row.payload), set()).add(arm)
    assert {len(arms) for arms in drawn.values()} == {1}
    assert set().union(*drawn.values()) == {0, 1, 2}


def test_what_can_be_sent_once_is_asked_again_and_not_repeated(run: Run) -> None:
    text, image, *rest = run.plan.requests
    requests = (text.model_copy(update={"once": True}), image.model_copy(update={"once": True, "pair_apart_s": 2.0}), *rest)
    once = replace(run, plan=run.plan.model_copy(update={"requests": requests}))
    rows = audit_rows(once, 7)
    asked = Counter((row.request_class, row.payload) for row in rows if row.request_class in ("text", "image"))
    assert set(asked.values()) == {1}
    assert not [row for row in rows if row.request_id >= REPEATS_FROM and row.request_class in ("text", "image")]
    pairs = [row for row in rows if row.request_class == "image"]
    assert all(a.payload + 1 == b.payload and b.offset_s - a.offset_s == 2.0 for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    made = judged(once, answered(once, rows), run_valid=True)
    assert made.answers.status == "PASS"
    assert {(row.name, row.status) for row in made.repeats if row.scope == "class"} >= {("text", "NOT COMPARABLE")}
    assert "can be sent once" in class_row(made).reason


def test_a_run_of_few_payloads_is_not_audited(run: Run) -> None:
    few = tuple(replace(request, payload=request.payload % 7) for request in run.requests)
    with pytest.raises(EnvironmentFailure, match="AIB750"):
        audit_rows(replace(run, requests=few), 7)


def test_an_honest_system_passes(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    made = judged(run, answered(run, rows), run_valid=True)
    assert made.answers.status == "PASS"
    assert made.answers.equal == made.answers.compared == made.answers.asked
    assert class_row(made).status == "PASS"
    assert made.exit_code in (ExitCode.OK, ExitCode.INCONCLUSIVE)  # a class of few payloads decides nothing
    assert [table.key for table in audit_tables(made)] == ["answers", "repeats"]


@pytest.mark.parametrize(("faster", "status"), [(0.3, "FAIL"), (0.6, "FAIL"), (0.95, "PASS")])
def test_repeats_that_are_much_faster_fail(run: Run, rows: tuple[ScheduleRecord, ...], faster: float, status: str) -> None:
    row = class_row(judged(run, answered(run, rows, faster), run_valid=True))
    assert row.status == status
    assert row.ratio is not None
    assert row.ratio.low < faster < row.ratio.high


def test_a_cache_that_the_plan_declares_is_no_finding(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    def hit(request: RequestRecord, repeat: bool) -> RequestRecord:
        return replace(request, arms=("cache_hit=0",)) if repeat else replace(request, arms=("cache_hit=1", "tiers=0"))

    row = class_row(judged(run, answered(run, rows, 0.1, hit), run_valid=True))
    assert row.status == "INCONCLUSIVE"
    assert row.other_arms > 0
    assert "as the plan allows" in row.reason


def test_a_component_that_remembers_is_named(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    again = answered(run, rows)
    call = next(call for call in run.calls if call.task == "rank")
    seen: set[int] = set()
    calls = []
    for request in again.requests:
        for task, took in (("rank", 5 if request.payload in seen else 12), ("summary", 6)):
            kind = next(step.kind for step in run.plan.steps if step.task == task)
            end = request.sent_ns + took * MS
            calls.append(replace(call, request_id=request.request_id, task=task, kind=kind, start_ns=request.sent_ns, end_ns=end))
        seen.add(request.payload)
    made = judged(run, replace(again, calls=tuple(calls)), run_valid=True)
    rated = {row.name: row.status for row in made.repeats if row.scope == "component"}
    assert rated == {"rank": "FAIL", "summary": "PASS"}
    assert made.exit_code == ExitCode.FAIL


def test_answers_that_load_made_worse_fail(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    """Without load the answers hold three times the relevant items."""

    def better(request: RequestRecord, _: bool) -> RequestRecord:
        return replace(request, answer=answer_entries(ranking=tuple(100 * request.payload + item for item in range(10))))

    made = judged(run, answered(run, rows, changed=better), run_valid=True).answers
    assert made.status == "FAIL"
    assert made.equal < made.compared
    assert made.scores
    assert all(row.difference.low > row.tolerance for row in made.scores if row.status == "FAIL")


def test_answers_in_another_order_of_the_same_worth_pass_unless_the_system_claims_more(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    def swapped(request: RequestRecord, _: bool) -> RequestRecord:
        items = json.loads(request.answer[0].partition("=")[2])
        rest = [item for item in items if item % 100 >= 4]
        turned = iter(rest[::-1])
        return replace(request, answer=answer_entries(ranking=[next(turned) if item % 100 >= 4 else item for item in items]))

    again = answered(run, rows, changed=swapped)
    made = judged(run, again, run_valid=True).answers
    assert (made.status, made.equal < made.compared) == ("PASS", True)
    assert judged(run, again, run_valid=True, exact=True).answers.status == "FAIL"
    assert len(made.differing) == 5


def test_requests_that_took_other_ways_or_failed_are_counted_and_not_compared(run: Run, rows: tuple[ScheduleRecord, ...]) -> None:
    def other(request: RequestRecord, _: bool) -> RequestRecord:
        if request.request_id % 3 == 0:
            return replace(request, outcome="failed", answer=())
        return (
            replace(request, arms=(*request.arms, "new=1"), answer=answer_entries(ranking=(1,))) if request.request_id % 3 == 1 else request
        )

    made = judged(run, answered(run, rows, changed=other), run_valid=True).answers
    assert made.failed + made.other_arms + made.compared == made.asked
    assert min(made.failed, made.other_arms, made.compared) > 5
    assert (made.status, made.equal) == ("PASS", made.compared)


# -- real deployments

LIBRARY = """
from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.libraries import Library

GUESS = ComponentSpec(
    name="acme_guess", package=__package__, family="text_preparation", kind=Kind.SERVICE, doc="says a category of a text",
    ports=Ports((Port("text", "Text"),), (Port("category", "Category"),)),
    settings=(Setting("how", "choice", "anew", ("anew", "remembering", "hurried"), "how it comes to its answer"),),
)
LIBRARY = Library(components=(GUESS,))
"""
SERVICE = """
import hashlib
import threading


def open_work(folder, settings, state):
    how, known, lock, busy = settings["how"], {}, threading.Lock(), [0]

    def worked_for(text):  # some 30 ms of a processor
        return hashlib.pbkdf2_hmac("sha256", text.encode(), b"guess", 25_000)[0] % 10

    def guess(inputs):
        text = str(inputs["text"]["text"])
        with lock:
            busy[0] += 1
        try:
            if how == "hurried" and busy[0] > 1:
                return {"category": {"label": [0], "probability": [1.0]}}
            label = known.get(text) if how == "remembering" else None
            label = worked_for(text) if label is None else label
            known[text] = label
            return {"category": {"label": [label], "probability": [1.0]}}
        finally:
            with lock:
                busy[0] -= 1

    return guess
"""
SPEC = """aib 1
library "acme_guessing"
scenario guessing "Guesses" {
  dataset shop = movielens_shop
  request text { share 100%, from shop.queries }
  task guess : acme_guess { how HOW }
  permutation { text -> guess -> response }
  metrics { latency p50 }
  load { poisson 20/s, for 8 s, warmup 1 s, seed 7 }
  deployment local { nodes 1, profile small }
}
"""


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], SimpleNamespace]:
    """The audit of a system whose only component works so."""
    site = tmp_path / "site"
    site.mkdir()
    installed(site, "acme_guessing", {"library.py": LIBRARY, "service.py": SERVICE})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]))

    def done(how: str) -> SimpleNamespace:
        spec = tmp_path / "guessing.aib"
        spec.write_text(SPEC.replace("HOW", how))
        words = ["audit", str(spec), "--data", "synthetic", "--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs"), "--json"]
        code = main(words)
        told = capsys.readouterr()
        assert told.out, told.err
        audit = Audit.model_validate_json(told.out)
        assert (tmp_path / "runs" / audit.run / "audit.json").is_file()
        return SimpleNamespace(audit=audit, code=code)

    yield done  # type: ignore[misc]
    use(())
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_guessing"]:
        del sys.modules[name]


@pytest.mark.long
def test_a_system_that_works_for_each_answer_passes(audited: Callable[[str], SimpleNamespace]) -> None:
    made = audited("anew").audit
    assert made.answers.status == "PASS"
    assert made.answers.equal == made.answers.compared >= 40
    assert {row.status for row in made.repeats} <= {"PASS", "INCONCLUSIVE"}  # a busy machine may widen the intervals


@pytest.mark.long
def test_a_hidden_cache_is_found(audited: Callable[[str], SimpleNamespace]) -> None:
    made = audited("remembering")
    assert made.audit.answers.status == "PASS"
    rated = {(row.scope, row.name): row for row in made.audit.repeats}
    assert rated["class", "text"].status == "FAIL"
    assert rated["component", "guess"].status == "FAIL"
    assert made.code == ExitCode.FAIL


@pytest.mark.long
def test_answers_that_are_others_under_load_are_found(audited: Callable[[str], SimpleNamespace]) -> None:
    made = audited("hurried")
    assert made.audit.answers.status == "FAIL"
    assert 0 < made.audit.answers.equal < made.audit.answers.compared
    assert made.code == ExitCode.FAIL
