"""3D object reconstruction: the body that one picture shows, as voxels."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import SOLIDS

_XIE = "Xie et al. 2019, Pix2Vox: Context-aware 3D Reconstruction from Single and Multi-view Images"

# The small model's quality is of test pictures, seed 7, size small; README.md says how it was measured. The full model was not trained: the
# same quality is assumed.
SPEC = ComponentSpec(
    name="object_reconstruction_3d",
    package=__package__,
    family="3D object reconstruction",
    kind=Kind.AI,
    doc="makes voxels of the body that a picture shows, in the body's own axes, whatever side it is seen from",
    ports=Ports((Port("image", "Image"),), (Port("solid", "Solid"),)),
    models=(
        Model("voxels_small", Profile.SMALL, (("voxel_iou", 0.44),), 43.0, f"encoder and decoder of ours, after {_XIE}"),
        Model("pix2vox_a", Profile.FULL, (("voxel_iou", 0.44),), 17_000.0, f"{_XIE}, Pix2Vox-A for one view", memory_mib=1100),
    ),
    baseline="nearest_picture",
    metrics=("voxel_iou",),
    trains=True,
    memory_mib=96,
    cpu_ms=3.0,
    needs=(SOLIDS,),
)
