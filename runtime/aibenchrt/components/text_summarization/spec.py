"""Text summarization: shortens each page to the line that the user sees."""

from aibenchrt.component import ComponentSpec, Kind, Model, Port, Ports, Profile
from aibenchrt.datasets.needs import SUMMARIES

# Quality of the tagger: mean over three seeds at size small (README.md); of the pointer-generator: the paper's, table 1, on CNN/Daily Mail.
SPEC = ComponentSpec(
    name="text_summarization",
    package=__package__,
    family="summarization",
    kind=Kind.AI,
    doc="shortens each fetched page to one line",
    ports=Ports((Port("documents", "Documents"),), (Port("snippets", "Snippets"),)),
    models=(
        Model(
            "tagger",
            Profile.SMALL,
            (("rouge_l", 0.353),),
            110.0,
            "words kept or dropped, as Filippova et al. 2015, Sentence Compression by Deletion with LSTMs, by dilated convolutions",
        ),
        Model(
            "pointer_generator",
            Profile.FULL,
            (("rouge_l", 0.364),),
            60_000.0,
            "See, Liu, Manning 2017, Get To The Point: Summarization with Pointer-Generator Networks",
            memory_mib=250,
        ),
    ),
    baseline="lead words",
    metrics=("rouge_l",),
    trains=True,
    memory_mib=128,
    cpu_ms=4.0,
    needs=(SUMMARIES,),
)
