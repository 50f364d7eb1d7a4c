"""Filter: removes items that a user should not be shown."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import INTERACTIONS

SPEC = ComponentSpec(
    name="filter",
    package=__package__,
    family="filtering",
    kind=Kind.SERVICE,
    doc="drops goods that the user knows, that no user met for a long time, or that are less popular than a minimum",
    ports=Ports((Port("items", "Items"), Port("profile", "Profile", optional=True)), (Port("items", "Items"),)),
    settings=(
        Setting("seen", "word", "drop", ("drop", "keep"), "goods that the user has met in the training period"),
        Setting("max_age", "count", 0, (), "days since anybody met a good, at the end of the training period; older goes; 0: any age"),
        Setting("minimum", "count", 0, (), "the least popularity that stays, in thousandths"),
    ),
    memory_mib=72,
    needs=(INTERACTIONS,),
)
