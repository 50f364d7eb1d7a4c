"""Text normalisation: one form for what can be written in several ways."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="text_normalization",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="writes a text in one way: composed characters, plain blanks and quotes, no invisible characters",
    ports=Ports((Port("text", "Text"),), (Port("text", "Text"),)),
    memory_mib=48,
    cpu_ms=0.6,
)
