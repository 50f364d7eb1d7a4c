"""The reference text of what one component answers, where that is another than the whole scenario's: of a recogniser what was said, or
is written, in its own input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aibenchrt.datasets.payload import Payload
from aibenchrt.values import Values

ReferenceText = Callable[[Values, Payload], str]

# Component → (what its world holds, its bytes there, its input port, the field of that).
_OWN = {"speech_recognition": ("utterances", "wav", "audio", "wav"), "text_recognition": ("lines", "png", "image", "png")}


def reference_text(component: str, world: Any) -> ReferenceText:
    """(the component's inputs, the scenario's payload) → the text that it should answer, '' where there is none.

    world: one that has what the component trains on.
    """
    own = _OWN.get(component)
    if own is None:
        return lambda _, payload: payload.text
    kind, name, port, field = own
    texts = {getattr(one, name): one.text for split in ("validation", "test") for one in getattr(world, kind)(split)}
    return lambda inputs, _: texts.get(bytes(inputs[port][field]), "")
