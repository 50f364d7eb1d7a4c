"""Spatial transformer: turns a picture of a thing upright."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import TURNED

_JADERBERG = "Jaderberg et al. 2015, Spatial Transformer Networks"

# Of test pictures, in degrees; README.md says how they were measured.
SPEC = ComponentSpec(
    name="spatial_transformer",
    package=__package__,
    family="spatial transformer",
    kind=Kind.AI,
    doc="turns a picture of a thing upright, and says by how much it was turned",
    ports=Ports((Port("image", "Image"),), (Port("image", "Image"), Port("turn", "Turn"))),
    models=(
        Model("st_small", Profile.SMALL, (("angle_error", 10.8),), 33.0, f"{_JADERBERG}, section 3, rotation only"),
        Model("st_svhn", Profile.FULL, (("angle_error", 11.1),), 74.0, f"{_JADERBERG}, supplement A.2, ST-CNN Single, rotation only"),
    ),
    baseline="gradient_histogram",
    metrics=("angle_error",),
    trains=True,
    memory_mib=96,
    cpu_ms=3.0,
    needs=(TURNED,),
)
