"""Recommendation: how likely this user is to like each of the items found."""

from aibenchrt.component import ComponentSpec, Kind, Material, Model, Port, Ports, Profile, Setting
from aibenchrt.datasets.needs import INTERACTIONS

# Qualities: means over three seeds at size small; README.md says how they were measured.
SPEC = ComponentSpec(
    name="recommendation",
    package=__package__,
    family="recommendation",
    kind=Kind.AI,
    doc="scores the goods found for this user and keeps the best",
    ports=Ports((Port("items", "Items"), Port("profile", "Profile")), (Port("items", "Items"),)),
    models=(
        Model("neumf", Profile.SMALL, (("hit_rate@10", 0.133), ("ndcg@10", 0.0766)), 0.1, "He et al. 2017, Neural Collaborative Filtering"),
        Model("gmf", Profile.SMALL, (("hit_rate@10", 0.133), ("ndcg@10", 0.0756)), 0.01, "He et al. 2017, section 3.2"),
        Model(
            "neumf_large",
            Profile.FULL,
            (("hit_rate@10", 0.131), ("ndcg@10", 0.077)),  # seed 7 only
            5.4,
            "He et al. 2017, in the size of MLPerf Training v0.5",
            memory_mib=16,
        ),
    ),
    baseline="popularity",
    metrics=("hit_rate@10", "ndcg@10"),
    settings=(Setting("top", "count", 50, (), "how many goods go on to the next task"),),
    trains=True,
    trains_on=Material.PERIOD,
    memory_mib=96,
    cpu_ms=1.5,
    needs=(INTERACTIONS,),
)
