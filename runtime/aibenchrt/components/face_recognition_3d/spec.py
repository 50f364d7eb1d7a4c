"""3D face recognition: a face in depth as a vector; captures of the same person are near each other."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import ENROLMENT, FACES

_DENG = "Deng et al. 2019, ArcFace: Additive Angular Margin Loss for Deep Face Recognition"
_HE = "He et al. 2016, Deep Residual Learning for Image Recognition, table 1"
_COUPRIE = "Couprie et al. 2013, Indoor Semantic Segmentation using Depth Information"

# The small model's quality is of test persons, seed 7, size small; README.md says how it was measured. The full model was not trained: the
# same quality is assumed.
SPEC = ComponentSpec(
    name="face_recognition_3d",
    package=__package__,
    family="3D face recognition",
    kind=Kind.AI,
    doc="makes a vector of a face in depth, for telling persons apart",
    ports=Ports((Port("image", "Image"), Port("depth", "Depth")), (Port("vector", "Vector"),)),
    models=(
        Model("depth_small", Profile.SMALL, (("equal_error_rate", 0.031),), 12.5, f"{_DENG}, loss; reduced residual network on depth"),
        Model(
            "rgbd_resnet50", Profile.FULL, (("equal_error_rate", 0.031),), 4140.0, f"{_HE}; depth as a channel: {_COUPRIE}", memory_mib=320
        ),
    ),
    baseline="fisherfaces",
    metrics=("equal_error_rate",),
    trains=True,
    memory_mib=96,
    cpu_ms=1.5,
    needs=(FACES, ENROLMENT),
)
