"""Nonce store: knows which messages came before."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="nonce_store",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="remembers each payer's nonces for good, and says whether a payment came before; hands it on, with a refusal",
    ports=Ports((Port("payment", "Payment"),), (Port("payment", "Payment"), Port("receipt", "Receipt"), Port("replayed", "Flag"))),
    settings=(
        Setting(
            "capacity", "count", 1_000_000, (), "the most nonces; a full store fails every call, as to forget one would let it pass again"
        ),
    ),
    effect=True,
    state="nonces",
)
