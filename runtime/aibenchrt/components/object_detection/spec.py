"""Object detection: the things in a photo, where they are, and a picture of the wanted one."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import BOXES

_ZHAO = "Zhao et al. 2024, DETRs Beat YOLOs on Real-time Object Detection"

# On test photos, seed 7, size small; README.md says how it was measured. rtdetr_r18 has the small one's: it was not trained to the end.
SPEC = ComponentSpec(
    name="object_detection",
    package=__package__,
    family="detection",
    kind=Kind.AI,
    doc="finds the things in a photo and cuts out the one that is wanted",
    ports=Ports((Port("image", "Image"), Port("query", "Query", optional=True)), (Port("boxes", "Boxes"), Port("thing", "Image"))),
    models=(
        Model("centernet", Profile.SMALL, (("map50", 0.18),), 168.0, "Zhou et al. 2019, Objects as Points, reduced"),
        Model("rtdetr_r18", Profile.FULL, (("map50", 0.18),), 5231.0, f"{_ZHAO}, R18", memory_mib=320),
    ),
    baseline="blobs",
    metrics=("map50",),
    trains=True,
    memory_mib=96,
    cpu_ms=3.0,
    needs=(BOXES,),
)
