"""The executor's semantics over a plan, in process: every call is real work of the test's own, no network."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import numpy as np
import pytest
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanFallback, Step, wiring_hash
from aibenchrt.planner.executor import Answer, Executor, Request, draw
from aibenchrt.planner.inference import InferenceCodec
from aibenchrt.planner.operations import MappingOperations, MessageOperations
from aibenchrt.planner.program import check_plan
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tensors import encode
from cuts import cuts
from shop_calls import Shop
from shop_plan import empty, generate, items, shop_plan, step
from tritonclient.grpc import InferInput, service_pb2
from tritonclient.utils import np_to_triton_dtype


def ask(shop: Shop, request_class: str = "text", request_id: int = 1, plan: Plan | None = None) -> Answer:
    plan = plan or shop_plan()
    values = {p.name: empty(p.type) for r in plan.requests if r.name == request_class for p in r.ports}
    executor = Executor(plan, shop, observe=shop.times.append)
    return asyncio.run(asyncio.wait_for(executor.run(Request(request_id, request_class, values)), 10))


def test_text_request_runs_its_tasks_and_no_others() -> None:
    shop = Shop()
    answer = ask(shop)
    ranker = "rank_a" if "ranker=0" in answer.arms else "rank_b"
    assert set(shop.calls) == {
        "parse", "answers", "category", "profile", "excellent", "recommend", ranker, "summary", "remember", "clicks",
    }  # fmt: skip
    assert answer.error == ""
    assert set(answer.response) == {"details"}
    assert set(answer.arms) >= {"cached=1", "searchers=0"}


def test_image_request_has_no_query_and_skips_the_cache() -> None:
    shop = Shop()
    answer = ask(shop, "image")
    assert answer.error == ""
    assert not {"parse", "answers", "category"} & set(shop.calls)
    assert set(shop.seen["excellent"]) == {"category"}
    assert set(shop.seen["remember"]) == {"user", "details"}
    assert not any(arm.startswith("cached") for arm in answer.arms)


def test_hit_ends_at_the_response_without_waiting_for_the_profile() -> None:
    async def scenario() -> tuple[Answer, list[str]]:
        gate = asyncio.Event()
        shop = Shop(cached=True, waits={"profile": gate})
        running = Executor(shop_plan(), shop).start(Request(1, "text", {"text": {"text": "x"}, "user": {"user_id": 1}}))
        answer = await asyncio.wait_for(running.answer, 5)
        running.release()
        gate.set()
        await running.finished()
        return answer, shop.calls

    answer, calls = asyncio.run(scenario())
    assert answer.error == ""
    assert answer.arms == ("cached=0",)
    assert set(calls) == {"parse", "answers", "profile"}


@pytest.mark.parametrize(
    ("hits", "tried"), [((60,), ["excellent"]), ((20, 30), ["excellent", "good"]), ((1, 2, 3), ["excellent", "good", "bad"])]
)
def test_arms_in_turn_until_enough_and_their_goods_concatenated(hits: tuple[int, ...], tried: list[str]) -> None:
    shop = Shop(hits=hits)
    answer = ask(shop)
    assert [c for c in shop.calls if c in ("excellent", "good", "bad")] == tried
    expected = [tier * 1000 + i for tier, count in enumerate(hits) for i in range(count)]
    assert list(shop.seen["recommend"]["items"]["item_id"]) == expected
    assert f"searchers={len(tried) - 1}" in answer.arms


def test_draw_is_seeded_and_keeps_its_shares() -> None:
    shop = Shop()
    executor = Executor(shop_plan(), shop)
    values = {"text": {"text": "x"}, "user": {"user_id": 1}}

    async def arms() -> list[str]:
        return [next(a for a in (await executor.run(Request(i, "text", values))).arms if a.startswith("ranker")) for i in range(600)]

    first, second = asyncio.run(arms()), asyncio.run(arms())
    assert first == second
    assert 0.24 < Counter(first)["ranker=0"] / 600 < 0.36
    assert draw(1, 5, "a") != draw(2, 5, "a") != draw(2, 5, "b")


def test_effects_start_only_when_the_response_has_been_sent() -> None:
    async def scenario() -> None:
        shop = Shop()
        running = Executor(shop_plan(), shop, observe=shop.times.append).start(
            Request(1, "text", {"text": {"text": "x"}, "user": {"user_id": 1}})
        )
        await running.answer
        await running.finished()
        assert not {"remember", "clicks"} & set(shop.calls)
        running.release()
        await running.finished()
        assert {"remember", "clicks"} <= set(shop.calls)
        assert {t.step.task for t in shop.times if t.after} == {"remember", "clicks"}

    asyncio.run(scenario())


def test_a_failed_call_fails_the_request_and_nothing_comes_after_it() -> None:
    shop = Shop(fails="recommend")
    answer = ask(shop)
    assert answer.error == "recommend: RuntimeError: broken"
    assert answer.response == {}
    assert not {"summary", "remember", "clicks"} & set(shop.calls)
    assert [t.error for t in shop.times if t.step.task == "recommend"] == ["RuntimeError: broken"]


def test_a_failed_effect_is_a_failed_call_not_a_failed_request() -> None:
    shop = Shop(fails="clicks")
    answer = ask(shop)
    assert answer.error == ""
    assert [t.error for t in shop.times if t.step.task == "clicks"] == ["RuntimeError: broken"]


def test_a_missing_output_fails_the_request() -> None:
    class Silent(Shop):
        async def __call__(self, step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
            outputs = await super().__call__(step, inputs)
            return {} if step.task == "category" else outputs

    assert ask(Silent()).error == "category returned no 'category'"


def test_waited_for_names_the_last_input() -> None:
    shop = Shop(hits=(20, 40))
    ask(shop)
    waited = {t.step.task: t.waited_for for t in shop.times}
    assert waited["parse"] == ""
    assert waited["answers"] == "parse"
    assert waited["good"] == "excellent"
    assert waited["recommend"] == "good"
    assert all(t.ready_ns <= t.start_ns <= t.end_ns for t in shop.times)


def test_cutting_any_edge_is_a_start_up_error() -> None:
    plan = shop_plan()
    check_plan(plan)
    every = cuts(plan)
    assert len(every) > 30
    for cut in every:
        with pytest.raises(EnvironmentFailure) as failure:
            Executor(cut, Shop())
        assert failure.value.code == "AIB613"


def _rehashed(plan: Plan) -> Plan:
    return plan.model_copy(update={"graph_hash": wiring_hash(plan.requests, plan.steps, plan.choices, plan.response)})


def test_the_check_names_what_is_wrong_even_where_the_hash_fits() -> None:
    plan = shop_plan()
    named = 0
    for cut in cuts(plan):
        try:
            check_plan(_rehashed(cut))
        except EnvironmentFailure as failure:
            named += "has no source" in failure.message or "can fill response" in failure.message
    assert named >= 10


def _with_step(plan: Plan, new: Step) -> Plan:
    return _rehashed(plan.model_copy(update={"steps": tuple(new if s.task == new.task else s for s in plan.steps)}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: _with_step(p, step("parse", {"text:Text": ["nobody.text"]}, ["query:Query"])), "nobody.text, which does not exist"),
        (lambda p: _with_step(p, step("parse", {"text:Text": ["text.user"]}, ["query:Query"])), "takes Text, but text.user is User"),
        (lambda p: _with_step(p, step("parse", {"text:Text": ["text.text@none=0"]}, ["query:Query"])), "choice 'none'"),
        (
            lambda p: _with_step(p, step("parse", {"text:Text": ["text.text"], "q:Details": ["summary.details"]}, ["query:Query"])),
            "wait for",
        ),
        (lambda p: _rehashed(p.model_copy(update={"response": ()})), "no response"),
        (lambda p: _rehashed(p.model_copy(update={"choices": (p.choices[0], _uncounted(p.choices[1]), p.choices[2])})), "count every arm"),
    ],
)
def test_broken_plans_are_refused(change: Any, said: str) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB613") as failure:
        check_plan(change(shop_plan()))
    assert said in failure.value.message


def _uncounted(choice: PlanFallback) -> PlanFallback:
    until = choice.until.model_copy(update={"counts": choice.until.counts[:-1]})
    return choice.model_copy(update={"until": until})


def test_a_chain_of_thousands_of_skipped_steps_needs_no_recursion() -> None:
    plan = shop_plan()
    chain = [step("s0", {"c:Category": ["category.category"]}, ["query:Query"])]
    chain += [step(f"s{i}", {"query:Query": [f"s{i - 1}.query"]}, ["query:Query"]) for i in range(1, 3000)]
    deep = _rehashed(plan.model_copy(update={"steps": plan.steps + tuple(chain)}))
    assert ask(Shop(cached=True), plan=deep).error == ""


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Stubs:
    return load_stubs(generate(shop_plan(), tmp_path_factory.mktemp("generated")))


def test_messages_become_the_tensors_that_the_models_expect(stubs: Stubs) -> None:
    recommend = next(s for s in shop_plan().steps if s.task == "recommend")
    profile = {"user_id": 7, "age": 33, "gender": "F", "occupation": "écrivain", "history": [5, 6]}
    goods = {**items(11, 12, 13), "popularity": [0.5, 0.25, 1.0]}
    values = {"items": goods, "profile": profile}
    messages = {"items": stubs.message("Items")(**goods), "profile": stubs.message("Profile")(**profile)}
    request = InferenceCodec(recommend, stubs).encode(42, messages)
    assert (request.model_name, request.id) == ("recommend", "42")
    expected = encode([entry.port for entry in recommend.inputs], values)
    assert [tensor.name for tensor in request.inputs] == list(expected)
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        sent = InferInput(tensor.name, list(expected[tensor.name].shape), tensor.datatype)
        sent.set_data_from_numpy(expected[tensor.name])
        assert list(tensor.shape) == list(expected[tensor.name].shape)
        assert raw == sent._get_content()
    with pytest.raises(ValueError, match="profile"):
        InferenceCodec(recommend, stubs).encode(1, {"items": messages["items"]})


def test_tensors_become_messages_again(stubs: Stubs) -> None:
    answers = next(s for s in shop_plan().steps if s.task == "answers")
    details = {"item_id": [1, 2], "title": ["Señor", ""], "category": [3, 4], "price": [1.5, 2.5]}
    values = {"details": details, "hit": {"value": True}, "query": {"text": "a b", "term": []}}
    tensors = encode(answers.outputs, values)
    tensors |= {f"timing__{name}": np.array([ns], dtype=np.int64) for name, ns in (("service_ns", 99), ("stage_ns", 98), ("attempt", 2))}
    tensors["timing__server"] = np.array(["10.0.0.1:8001"], dtype=np.object_)
    response = service_pb2.ModelInferResponse()
    for name, tensor in tensors.items():
        carrier = InferInput(name, list(tensor.shape), np_to_triton_dtype(tensor.dtype))
        carrier.set_data_from_numpy(tensor)
        response.outputs.add(name=name, datatype=carrier.datatype(), shape=tensor.shape)
        response.raw_output_contents.append(carrier._get_content() or b"")
    answer = InferenceCodec(answers, stubs).decode(response)
    assert (answer.service_ns, answer.stages, answer.server, answer.attempt) == (99, ("answers=98",), "10.0.0.1:8001", 2)
    outputs = answer.outputs
    assert outputs["details"] == stubs.message("Details")(**details)
    assert outputs["hit"].value is True
    assert outputs["query"] == stubs.message("Query")(text="a b")
    del response.outputs[0], response.raw_output_contents[0]
    with pytest.raises(ValueError, match="details__item_id"):
        InferenceCodec(answers, stubs).decode(response)


def test_arms_of_messages_are_concatenated_as_those_of_mappings(stubs: Stubs) -> None:
    first, second = items(1, 2), items(3)
    joined = MessageOperations().concat("Items", [stubs.message("Items")(**first), stubs.message("Items")(**second)])
    assert joined == stubs.message("Items")(**MappingOperations().concat("Items", [first, second]))
    count = stubs.message("Count")
    assert MessageOperations().concat("Count", [count(value=2), count(value=5)]).value == 7
