"""Face embedding: a picture of a face as a vector; pictures of the same person are near each other."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import ENROLMENT, FACES

_DENG = "Deng et al. 2019, ArcFace: Additive Angular Margin Loss for Deep Face Recognition"

# The small model's quality is of test persons, seed 7, size small; README.md says how it was measured. The full model was not trained: the
# same quality is assumed.
SPEC = ComponentSpec(
    name="face_embedding",
    package=__package__,
    family="face embedding",
    kind=Kind.AI,
    doc="makes a vector of a picture of a face, for telling persons apart",
    ports=Ports((Port("image", "Image"),), (Port("vector", "Vector"),)),
    models=(
        Model("arcface_small", Profile.SMALL, (("equal_error_rate", 0.011),), 13.8, f"{_DENG}, loss; reduced residual network"),
        Model("iresnet50", Profile.FULL, (("equal_error_rate", 0.011),), 6310.0, f"{_DENG}, ResNet50", memory_mib=520),
    ),
    baseline="fisherfaces",
    metrics=("equal_error_rate",),
    trains=True,
    memory_mib=96,
    cpu_ms=1.5,
    needs=(FACES, ENROLMENT),
)
