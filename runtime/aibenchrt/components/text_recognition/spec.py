"""Text recognition (OCR): reads a picture of one line of text."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile, Transcript
from aibenchrt.datasets.needs import LINES

_SHI = "Shi et al. 2017, An End-to-End Trainable Neural Network for Image-based Sequence Recognition"

# On test pictures, seed 7; for crnn_full on validation pictures. README.md says how they were measured.
SPEC = ComponentSpec(
    name="text_recognition",
    package=__package__,
    family="ocr",
    kind=Kind.AI,
    doc="reads a picture of one line of text",
    ports=Ports((Port("image", "Image"),), (Port("text", "Text"),)),
    models=(
        Model("crnn", Profile.SMALL, (("cer", 0.023),), 124.0, f"{_SHI}, reduced"),
        Model("crnn_full", Profile.FULL, (("cer", 0.009),), 2410.0, f"{_SHI}, table 1", memory_mib=128),
    ),
    baseline="most_frequent",
    metrics=("cer",),
    trains=True,
    transcript=Transcript("lines", "image", "png"),
    memory_mib=96,
    cpu_ms=2.0,
    needs=(LINES,),
)
