"""Ad selection: chooses sponsored items for a user."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import ITEMS

SPEC = ComponentSpec(
    name="ad_selection",
    package=__package__,
    family="advertising",
    kind=Kind.SERVICE,
    doc="chooses sponsored goods for a user: an auction among ads with bids and budgets",
    ports=Ports((Port("profile", "Profile"),), (Port("items", "Items"),)),
    settings=(
        Setting("ads", "count", 200, (), "how many goods are advertised"),
        Setting("slots", "count", 3, (), "the most ads that are shown"),
    ),
    memory_mib=72,
    needs=(ITEMS,),
)
