"""Values of any type: as bytes and back, and how they reach a task that takes Any, in this process and as messages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.component import PORT_TYPES, Scalar
from aibenchrt.plan import Plan, PlanPort, Step, wiring_hash
from aibenchrt.planner.executor import Executor, Request
from aibenchrt.planner.operations import MessageOperations, Operations
from aibenchrt.wire.any_value import decode, encode
from aibenchrt.wire.proto import load_stubs
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from shop_plan import generate, shop_plan, step

ELEMENTS: dict[Scalar, st.SearchStrategy[Any]] = {
    Scalar.STRING: st.text(max_size=20),
    Scalar.BYTES: st.binary(max_size=20),
    Scalar.INT64: st.integers(-(2**63), 2**63 - 1),
    Scalar.FLOAT: st.floats(width=32, allow_nan=False),
    Scalar.BOOL: st.booleans(),
}


def values_of(port_type: str) -> st.SearchStrategy[dict[str, Any]]:
    fields = PORT_TYPES[port_type].fields
    return st.fixed_dictionaries({f.name: st.lists(ELEMENTS[f.scalar], max_size=3) if f.repeated else ELEMENTS[f.scalar] for f in fields})


@given(st.sampled_from(sorted(PORT_TYPES)).flatmap(lambda name: st.tuples(st.just(name), values_of(name))))
def test_decoding_undoes_encoding(given_value: tuple[str, dict[str, Any]]) -> None:
    port_type, value = given_value
    assert decode(port_type, encode(port_type, value)) == value


def test_bytes_that_are_no_value_are_refused() -> None:
    with pytest.raises(DecodeError):
        decode("Text", b"\x0a\xff")


def watched_plan() -> Plan:
    """text -> a -> b -> response; b -> watch, and the request's user too."""
    plan = shop_plan()
    watch = step("watch", {"value:Any+": ["b.details", "text.user"]}, [], phase="after")
    (entry,) = watch.inputs
    many = entry.model_copy(update={"port": PlanPort(name="value", type="Any", many=True), "concat": False})
    steps: tuple[Step, ...] = (
        step("a", {"text:Text": ["text.text"]}, ["query:Query"]),
        step("b", {"query:Query": ["a.query"]}, ["details:Details"]),
        watch.model_copy(update={"inputs": (many,)}),
    )
    (part,) = plan.response
    response = (part.model_copy(update={"sources": (part.sources[0].model_copy(update={"task": "b", "guards": ()}),)}),)
    requests = plan.requests[:1]
    changed = {"scenario": "watched_trial", "requests": requests, "steps": steps, "choices": (), "response": response}
    return plan.model_copy(update={**changed, "graph_hash": wiring_hash(requests, steps, (), response)})


DETAILS = {"item_id": [7], "title": ["Señor"], "category": [3], "price": [1.5]}


def seen(plan: Plan, values: dict[str, Any], answers: dict[str, dict[str, Any]], operations: Operations | None = None) -> list[Any]:
    """The inputs that reach `watch`, with a clock that counts its readings."""
    taken: list[Any] = []
    readings = iter(range(1000))

    async def call(task: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        taken.extend(inputs["value"] if task.task == "watch" else ())
        return answers.get(task.task, {})

    answer = asyncio.run(Executor(plan, call, operations, lambda: next(readings)).run(Request(5, "text", values)))
    assert answer.error == ""
    return taken


def test_any_takes_a_value_with_the_call_it_comes_from(tmp_path: Path) -> None:
    plan = watched_plan()
    query = {"text": "a b", "term": ["a", "b"]}
    values = {"text": {"text": "a b"}, "user": {"user_id": 9}}
    details, user = seen(plan, values, {"a": {"query": query}, "b": {"details": DETAILS}})
    assert (details["request_id"], details["task"], details["parent"], details["port"]) == (5, "b", "a", "details")
    assert 0 < details["start_ns"] < details["end_ns"]
    assert (details["type"], decode("Details", details["content"])) == ("Details", DETAILS)
    assert (user["task"], user["parent"], user["type"], decode("User", user["content"])) == ("text", "", "User", {"user_id": 9})
    assert user["start_ns"] == user["end_ns"] < details["start_ns"]

    stubs = load_stubs(generate(plan, tmp_path / "generated"))
    messages = {name: stubs.message(kind)(**values[name]) for name, kind in (("text", "Text"), ("user", "User"))}
    answered = {"a": {"query": stubs.message("Query")(**query)}, "b": {"details": stubs.message("Details")(**DETAILS)}}
    as_messages = seen(plan, messages, answered, MessageOperations(stubs.message("Any")))
    for message, value in zip(as_messages, (details, user), strict=True):
        assert {name: getattr(message, name) for name in value} == value
