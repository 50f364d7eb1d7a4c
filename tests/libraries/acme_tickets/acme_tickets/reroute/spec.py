"""Routes a ticket anew, by how the desk has corrected the classifier's queues before."""

from aibenchrt.component import ComponentSpec, Kind, Material, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import SNAPSHOTS

SPEC = ComponentSpec(
    name="ticket_reroute",
    package=__package__,
    family="classification",
    kind=Kind.AI,
    doc="weighs the queues that the classifier gives anew",
    ports=Ports((Port("queue", "Category"),), (Port("queue", "Category"),)),
    models=(Model("linear", Profile.SMALL, (("accuracy", 0.8),), 0.001, "Wolpert 1992, Stacked Generalization"),),
    baseline="as it came",
    metrics=("accuracy",),
    trains=True,
    trains_on=Material.PATH,
    needs=(SNAPSHOTS,),
)
