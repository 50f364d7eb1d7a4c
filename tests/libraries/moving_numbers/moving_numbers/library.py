"""What this package adds: a show whose frames are numbers, and a task that counts the frames of each stream."""

from aibenchrt.component import DatasetSpec, Port, RequestSource
from aibenchrt.libraries import Library

from moving_numbers.counter.spec import SPEC as COUNTER

CLIP = 50
PORTS = (Port("moment", "Moment"), Port("text", "Text"))

SHOW = DatasetSpec(
    name="numbers_show",
    package="moving_numbers.show",
    doc="clips whose frames are their numbers",
    licence="Apache-2.0",
    data_class=("video",),
    sources=(
        RequestSource("frames", PORTS, "frames of the show", clip=CLIP),
        RequestSource("gifts", PORTS, "the same frames, with a gift", clip=CLIP),
    ),
    metrics=(),
)

LIBRARY = Library(components=(COUNTER,), datasets=(SHOW,))
