"""Looks up a sentence that people have translated before. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="translation_memory",
    family="cache",
    kind=Kind.SERVICE,
    doc="looks up a sentence that people have translated before",
    ports=Ports((Port("text", "Text"),), (Port("translation", "Translation"), Port("hit", "Flag"), Port("text", "Text"))),
    implemented=False,
)
