"""The truth of what one component answers, where that is another than the whole scenario's: of a recogniser what was said, or is written,
in its own input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aibenchrt.answers import Truth
from aibenchrt.catalog import component
from aibenchrt.datasets.payload import Payload
from aibenchrt.values import Values

TruthOf = Callable[[Values, Payload], Truth]


def component_truth(name: str, world: Any) -> TruthOf:
    """(inputs of the component `name`, the scenario's payload) → the truth of what it should answer.

    world: one that has what the component trains on.
    """
    spec = component(name)
    said = spec.transcript if spec is not None else None
    if said is None:
        return lambda _, payload: payload.truth
    examples = [example for split in ("validation", "test") for example in getattr(world, said.examples)(split)]
    texts = {getattr(example, said.field): example.text for example in examples}
    return lambda inputs, payload: {**payload.truth, "reference": texts.get(bytes(inputs[said.port][said.field]), "")}
