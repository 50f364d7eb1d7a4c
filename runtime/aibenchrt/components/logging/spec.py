"""Logging: writes a structured record for operators."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="logging",
    package=__package__,
    family="log",
    kind=Kind.SERVICE,
    doc="writes a structured record of each value that passes by, for operators",
    ports=Ports((Port("value", "Any", many=True),), ()),
    settings=(
        Setting("sync", "word", "never", ("never", "always"), "whether a call waits until its record is on disk"),
        Setting("values", "word", "shown", ("shown", "hashed"), "whether records hold what values say, or a hash of them"),
    ),
    auxiliary=True,
    state="log",
)
