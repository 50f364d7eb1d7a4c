"""Image compression: a picture as entropy-coded bits of a learned transform, and back."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile, Setting
from aibenchrt.datasets.needs import CLIPS

_BALLE = "Ballé et al. 2018, Variational Image Compression with a Scale Hyperprior"
_CUI = "several rates: after Cui et al. 2021, Asymmetric Gained Deep Image Compression"

_COMPRESS = Ports((Port("frames", "Frames"),), (Port("code", "Code"),))
_EXPAND = Ports((Port("code", "Code"),), (Port("image", "Image"),))

RATES = ("lowest", "low", "high", "highest")

# The small model's quality is of test clips at rate `high`, seed 7, size small; README.md says how it was measured. The full model was not
# trained to the end: the same quality is assumed.
SPEC = ComponentSpec(
    name="image_compression",
    package=__package__,
    family="image compression",
    kind=Kind.AI,
    doc="compresses the first of several frames to entropy-coded bits, or expands these to a picture",
    ports=_COMPRESS,
    varies_by="operation",
    variants=(("compress", _COMPRESS), ("expand", _EXPAND)),
    models=(
        Model("factorised_small", Profile.SMALL, (("ms_ssim", 0.943),), 45.0, f"{_BALLE}: the factorised prior, reduced; {_CUI}"),
        Model("scale_hyperprior", Profile.FULL, (("ms_ssim", 0.943),), 710.0, f"{_BALLE}: N = 128, M = 192; {_CUI}", memory_mib=64),
    ),
    baseline="jpeg",
    metrics=("ms_ssim", "psnr", "bits_per_pixel"),
    settings=(
        Setting("operation", "word", "compress", ("compress", "expand"), "make a code of the first frame, or a picture of a code"),
        Setting("rate", "word", "high", RATES, "how many bits: each rate is a trade-off that the model was trained for"),
    ),
    trains=True,
    memory_mib=96,
    cpu_ms=6.0,
    needs=(CLIPS,),
)
