"""Message code: the one-time code by which a payer may confirm a payment where the face is not certain."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="message_code",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="makes the one-time code (HOTP) by which a payer may confirm a payment; its report holds a keyed hash of the code",
    ports=Ports((Port("payment", "Payment"),), (Port("report", "Report"),)),
    auxiliary=True,
    state="codes",
)
