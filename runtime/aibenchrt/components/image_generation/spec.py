"""Image generation: a picture of a class that nobody has taken, from noise."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import VIEWS

_GULRAJANI = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs"
_HO = "Ho, Jain, Abbeel 2020, Denoising Diffusion Probabilistic Models"
_SONG = "Song, Meng, Ermon 2021, Denoising Diffusion Implicit Models"

# The small model's quality is of 512 generated pictures, seed 7, size small; README.md says how it was measured. The full model was not
# trained: the same quality is assumed. Its cost is that of its twenty steps.
SPEC = ComponentSpec(
    name="image_generation",
    package=__package__,
    family="image generation",
    kind=Kind.AI,
    doc="makes a picture of a class of things from noise",
    ports=Ports((Port("wish", "Wish"),), (Port("image", "Image"),)),
    models=(
        Model("wgan_gp_small", Profile.SMALL, (("accuracy", 0.78),), 13.6, f"{_GULRAJANI}, reduced"),
        Model("ddpm_cifar", Profile.FULL, (("accuracy", 0.78),), 120_000.0, f"{_HO}, appendix B; sampling: {_SONG}", memory_mib=460),
    ),
    baseline="training_picture",
    metrics=("accuracy",),
    trains=True,
    memory_mib=96,
    cpu_ms=2.0,
    needs=(VIEWS,),
)
