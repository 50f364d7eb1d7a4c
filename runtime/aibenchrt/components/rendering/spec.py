"""Rendering: a frame of a body in a texture, seen by a camera."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="rendering",
    package=__package__,
    family="rendering",
    kind=Kind.SERVICE,
    doc="draws voxels in a texture as a camera sees them, by rays",
    ports=Ports((Port("solid", "Solid"), Port("texture", "Image"), Port("camera", "Camera")), (Port("image", "Image"),)),
    settings=(
        Setting("look", "word", "raster", ("raster", "occluded"), "occluded: what sees little of the sky is darker"),
        Setting("side", "count", 64, (), "pixels of a side of a frame, 8 to 256"),
    ),
    memory_mib=96,
    cpu_ms=8.0,
)
