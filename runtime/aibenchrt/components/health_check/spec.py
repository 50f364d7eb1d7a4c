"""Health check: whether a part of the deployment is healthy."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="health_check",
    package=__package__,
    family="monitoring",
    kind=Kind.SERVICE,
    doc="checks that values that pass by are sound and in time, and that its host has disk and memory left",
    ports=Ports((Port("value", "Any", many=True),), ()),
    settings=(
        Setting("slowest", "count", 1000, (), "milliseconds that a call may take"),
        Setting("disk", "count", 64, (), "MiB that must be free on the disk of the state folder"),
        Setting("memory", "count", 64, (), "MiB of memory that must be available"),
    ),
    auxiliary=True,
    state="health",
)
