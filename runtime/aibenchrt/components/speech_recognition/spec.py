"""Speech recognition: what is said in an utterance."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile, Transcript
from aibenchrt.datasets.needs import UTTERANCES

# On test utterances, seed 7; for the conformer, which is far from trained, on validation utterances. README.md says how they were measured.
SPEC = ComponentSpec(
    name="speech_recognition",
    package=__package__,
    family="speech",
    kind=Kind.AI,
    doc="turns an utterance into text",
    ports=Ports((Port("audio", "Audio"),), (Port("text", "Text"),)),
    models=(
        Model("ctc_bigru", Profile.SMALL, (("cer", 0.361),), 66.0, "after Amodei et al. 2016, Deep Speech 2, reduced"),
        Model(
            "conformer",
            Profile.FULL,
            (("cer", 0.743),),
            470.0,
            "Gulati et al. 2020, Conformer: Convolution-augmented Transformer for Speech Recognition, table 1, size S",
            memory_mib=160,
        ),
    ),
    baseline="most_frequent",
    metrics=("cer", "wer"),
    trains=True,
    transcript=Transcript("utterances", "audio", "wav"),
    memory_mib=96,
    cpu_ms=2.0,
    needs=(UTTERANCES,),
)
