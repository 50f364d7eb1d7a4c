"""Text-to-text translation: a sentence of the world's language into English."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import PAIRS

# The small model's quality: mean over three seeds at size small; README.md says how it was measured. The full model was not trained: the
# same quality is assumed.
SPEC = ComponentSpec(
    name="text_translation",
    package=__package__,
    family="translation",
    kind=Kind.AI,
    doc="translates a sentence into English",
    ports=Ports((Port("text", "Text"),), (Port("translation", "Translation"),)),
    models=(
        Model(
            "transformer_small",
            Profile.SMALL,
            (("chrf", 0.408),),
            50.0,
            "Vaswani et al. 2017, Attention Is All You Need, reduced: 3 + 2 layers of width 160",
        ),
        Model(
            "transformer_base",
            Profile.FULL,
            (("chrf", 0.408),),
            900.0,
            "Vaswani et al. 2017, Attention Is All You Need, table 3, base",
        ),
    ),
    baseline="copying",
    metrics=("chrf", "bleu"),
    trains=True,
    memory_mib=128,
    cpu_ms=2.0,
    needs=(PAIRS,),
)
