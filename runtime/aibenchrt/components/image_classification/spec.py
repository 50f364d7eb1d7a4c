"""Image classification: the category of the product in a photo."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import PHOTOS

# Measured at size full, five of them on one machine; resnet20_colour at size small, on photos of furniture. README.md says how, and has the
# figures of size small.
_HE = "He et al. 2016, Deep Residual Learning for Image Recognition"

SPEC = ComponentSpec(
    name="image_classification",
    package=__package__,
    family="classification",
    kind=Kind.AI,
    doc="predicts the category of the product in a photo",
    ports=Ports((Port("image", "Image"),), (Port("category", "Category"),)),
    models=(
        Model("resnet20", Profile.SMALL, (("accuracy", 0.938),), 31.0, f"{_HE}, section 4.2"),
        Model("resnet20_colour", Profile.SMALL, (("accuracy", 0.337),), 41.0, f"{_HE}, section 4.2"),
        Model("resnet56", Profile.SMALL, (("accuracy", 0.937),), 96.0, f"{_HE}, section 4.2"),
        Model("resnet110", Profile.SMALL, (("accuracy", 0.932),), 193.0, f"{_HE}, section 4.2"),
        Model("resnet50", Profile.FULL, (("accuracy", 0.938),), 4100.0, f"{_HE}, table 1", memory_mib=320),
        Model("resnet152", Profile.FULL, (("accuracy", 0.928),), 11600.0, f"{_HE}, table 1", memory_mib=800),
    ),
    baseline="majority",
    metrics=("accuracy",),
    trains=True,
    memory_mib=96,
    cpu_ms=1.5,
    needs=(PHOTOS,),
)
