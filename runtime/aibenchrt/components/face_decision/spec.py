"""Face decision: whether a face and its shape are those of the payer, by both models together."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import ENROLMENT, FACES

SPEC = ComponentSpec(
    name="face_decision",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="compares a face and its shape with the payer's encrypted template, and decides by both together (logistic regression)",
    ports=Ports((Port("payment", "Payment"), Port("face", "Vector"), Port("shape", "Vector")), (Port("decision", "Decision"),)),
    settings=(
        Setting(
            "false_accepts", "count", 10, (), "of 1,000 strangers, and of 1,000 printed photos, the most to accept: it sets the threshold"
        ),
    ),
    made_with=("face", "shape"),
    needs=(FACES, ENROLMENT),
)
