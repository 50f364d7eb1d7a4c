"""Image embedding: a picture of a thing as a vector; pictures of the same thing are near each other."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import CATALOGUE, VIEWS

_HE = "He et al. 2016, Deep Residual Learning for Image Recognition"
_OORD = "van den Oord et al. 2018, Representation Learning with Contrastive Predictive Coding"

# The small model's quality is of test views, seed 7, size small; README.md says how it was measured. The full model was not trained: the
# same quality is assumed.
SPEC = ComponentSpec(
    name="image_embedding",
    package=__package__,
    family="image embedding",
    kind=Kind.AI,
    doc="makes a vector of a picture of a thing, for finding it among others",
    ports=Ports((Port("image", "Image"),), (Port("vector", "Vector"),)),
    models=(
        Model("residual_small", Profile.SMALL, (("recall@10", 0.705),), 13.5, f"{_HE}, reduced; loss: {_OORD}"),
        Model("resnet50", Profile.FULL, (("recall@10", 0.705),), 4100.0, f"{_HE}, table 1; loss: {_OORD}", memory_mib=320),
    ),
    baseline="pixels_and_colours",
    metrics=("recall@10",),
    trains=True,
    memory_mib=96,
    cpu_ms=2.0,
    needs=(VIEWS, CATALOGUE),
)
