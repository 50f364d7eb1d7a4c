"""Image-to-image: a picture as it is to look instead, learnt from pairs of pictures before and after."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import CHANGED

_RONNEBERGER = "Ronneberger et al. 2015, U-Net: Convolutional Networks for Biomedical Image Segmentation"
_ZHU = "Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks"
_ISOLA = "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks"

# The small model's quality is of test pairs, seed 7, size small; README.md says how it was measured. The full model was not trained: the
# same quality is assumed. Costs are of pictures of 96 × 64 pixels.
SPEC = ComponentSpec(
    name="image_to_image",
    package=__package__,
    family="image-to-image",
    kind=Kind.AI,
    doc="makes of a picture what it is to look like: restored, or in another style",
    ports=Ports((Port("image", "Image"),), (Port("image", "Image"),)),
    models=(
        Model("unet_small", Profile.SMALL, (("psnr", 25.6),), 130.0, f"{_RONNEBERGER}, reduced"),
        Model("resnet_9blocks", Profile.FULL, (("psnr", 25.6),), 4650.0, f"{_ZHU}, its generator; objective: {_ISOLA}", memory_mib=170),
    ),
    baseline="filter_and_colour_map",
    metrics=("psnr",),
    trains=True,
    memory_mib=96,
    cpu_ms=3.0,
    needs=(CHANGED,),
)
