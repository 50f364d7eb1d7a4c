"""Video prediction: frames that did not arrive, from those before them."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import CLIPS

_GAO = "Gao et al. 2022, SimVP: Simpler yet Better Video Prediction"

# The small model's quality is of test clips, seed 7, size small; README.md says how it was measured. The full model was not trained to the
# end: the same quality is assumed.
SPEC = ComponentSpec(
    name="video_prediction",
    package=__package__,
    family="video prediction",
    kind=Kind.AI,
    doc="puts a predicted frame where one is lost",
    ports=Ports((Port("frames", "Frames"),), (Port("frames", "Frames"),)),
    models=(
        Model("simvp_small", Profile.SMALL, (("conceal_psnr", 28.7),), 250.0, f"{_GAO}, reduced"),
        Model("simvp", Profile.FULL, (("conceal_psnr", 28.7),), 26_000.0, f"{_GAO}: the network for Moving MNIST", memory_mib=480),
    ),
    baseline="copy_last",
    metrics=("conceal_psnr",),
    trains=True,
    memory_mib=96,
    cpu_ms=3.0,
    needs=(CLIPS,),
)
