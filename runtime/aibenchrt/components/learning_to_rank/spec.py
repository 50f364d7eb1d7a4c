"""Learning to rank: the final order of the items."""

from aibenchrt.component import ComponentSpec, Kind, Material, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import SNAPSHOTS

# Qualities: seed 7, size small, on requests that were not used to choose anything; README.md says how they were measured.
SPEC = ComponentSpec(
    name="learning_to_rank",
    package=__package__,
    family="ranking",
    kind=Kind.AI,
    doc="orders the goods by features that the path itself produced",
    ports=Ports(
        (
            Port("items", "Items"),
            Port("profile", "Profile", optional=True),
            Port("weights", "Weights", optional=True),
            Port("category", "Category", optional=True),
        ),
        (Port("items", "Items"),),
    ),
    models=(
        Model(
            "mlp_lambda",
            Profile.SMALL,
            (("ndcg@10", 0.269),),
            0.05,
            "Wang et al. 2018, The LambdaLoss Framework for Ranking Metric Optimization",
        ),
        Model(
            "linear_lambda",
            Profile.SMALL,
            (("ndcg@10", 0.267),),
            0.001,
            "Burges 2010, From RankNet to LambdaRank to LambdaMART",
        ),
        Model(
            "context_aware",
            Profile.FULL,
            (("ndcg@10", 0.257),),  # not trained to completion here: the figure of search order
            40.0,
            "Pobrotyn et al. 2020, Context-Aware Learning to Rank with Self-Attention",
            memory_mib=16,
        ),
    ),
    baseline="search order",
    metrics=("ndcg@10",),
    trains=True,
    trains_on=Material.PATH,
    memory_mib=96,
    cpu_ms=1.5,
    needs=(SNAPSHOTS,),
)
