"""A plan with an edge cut: every source of every input and of the response, removed in turn."""

from __future__ import annotations

from typing import Any

from aibenchrt.plan import Input, Plan, ResponsePart


def without(plan: Plan, kind: str, owner: int, slot: int, position: int) -> Plan:
    """The plan with one source removed."""

    def cut(sources: tuple[Any, ...]) -> tuple[Any, ...]:
        return sources[:position] + sources[position + 1 :]

    if kind == "response":
        parts = list(plan.response)
        parts[owner] = ResponsePart(port=parts[owner].port, sources=cut(parts[owner].sources))
        return plan.model_copy(update={"response": tuple(parts)})
    steps = list(plan.steps)
    inputs = list(steps[owner].inputs)
    inputs[slot] = Input(port=inputs[slot].port, sources=cut(inputs[slot].sources), concat=inputs[slot].concat)
    steps[owner] = steps[owner].model_copy(update={"inputs": tuple(inputs)})
    return plan.model_copy(update={"steps": tuple(steps)})


def cuts(plan: Plan) -> list[Plan]:
    places = [("step", s, i, k) for s, st in enumerate(plan.steps) for i, x in enumerate(st.inputs) for k in range(len(x.sources))]
    places += [("response", p, 0, k) for p, part in enumerate(plan.response) for k in range(len(part.sources))]
    return [without(plan, *place) for place in places]
