"""Turns an utterance into text. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="speech_recognition",
    family="speech",
    kind=Kind.AI,
    doc="turns an utterance into text",
    ports=Ports((Port("audio", "Audio"),), (Port("text", "Text"),)),
    metrics=("wer",),
    trains=True,
    implemented=False,
)
