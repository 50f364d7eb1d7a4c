"""A/B assignment: which arm of an experiment a user is in."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="ab_assignment",
    package=__package__,
    family="experiment",
    kind=Kind.SERVICE,
    doc="assigns a user to an arm of an experiment, by a hash of the user's id",
    ports=Ports((Port("user", "User"),), (Port("treated", "Flag"),)),
    settings=(
        Setting("experiment", "word", "experiment", (), "its name: users are divided anew for each"),
        Setting("share", "count", 50, (), "percent of the users that are treated"),
    ),
    auxiliary=True,
)
