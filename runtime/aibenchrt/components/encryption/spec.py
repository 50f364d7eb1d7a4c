"""Encryption: opens the sealed messages of payers' devices, and seals receipts for them."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import KEYS

_OPEN = Ports((Port("message", "Sealed"),), (Port("payment", "Payment"), Port("pictures", "Sealed")))
_PICTURES = Ports((Port("payment", "Payment"), Port("pictures", "Sealed")), (Port("image", "Image"), Port("depth", "Depth")))
_SEAL = Ports((Port("receipt", "Receipt"),), (Port("sealed", "Sealed"), Port("receipt", "Receipt")))

SPEC = ComponentSpec(
    name="encryption",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="opens a payment, or its pictures, or seals a receipt and hands it on, by the key of the payer's device (AES-256-GCM)",
    ports=_OPEN,
    varies_by="operation",
    variants=(("open", _OPEN), ("pictures", _PICTURES), ("seal", _SEAL)),
    settings=(
        Setting(
            "operation", "word", "open", ("open", "pictures", "seal"), "open messages, open the pictures of payments, or seal receipts"
        ),
    ),
    needs=(KEYS,),
)
