"""Image to text: says what a picture of a thing shows."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import CAPTIONS

_VINYALS = "Vinyals et al. 2015, Show and Tell: A Neural Image Caption Generator"
_DOSOVITSKIY = "Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, ViT-B/16"

# Of test pictures, seed 7: the small model's at size small, the full one's of a training on a GPU; README.md says how they were measured.
SPEC = ComponentSpec(
    name="image_to_text",
    package=__package__,
    family="image to text",
    kind=Kind.AI,
    doc="says in words what a picture of a thing shows",
    ports=Ports((Port("image", "Image"),), (Port("caption", "Caption"), Port("text", "Text"))),
    models=(
        Model("show_and_tell_small", Profile.SMALL, (("chrf", 0.351),), 14.0, f"{_VINYALS}, reduced"),
        Model("vit_lstm", Profile.FULL, (("chrf", 0.283),), 17600.0, f"{_DOSOVITSKIY}; decoder: {_VINYALS}", memory_mib=800),
    ),
    baseline="template",
    metrics=("chrf",),
    trains=True,
    memory_mib=96,
    cpu_ms=2.0,
    needs=(CAPTIONS,),
)
