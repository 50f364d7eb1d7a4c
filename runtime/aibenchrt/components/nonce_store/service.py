"""Nonce store: whether a payment's message came before. It hands on the payment, and a refusal for those that did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aibenchrt.components.nonce_store.store import NONCE_BYTES, NonceStore
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    store = NonceStore(state, int(settings["capacity"]))

    def work(inputs: Values) -> Values:
        """ValueError: a nonce of another length. The refusal's balance is 0: whoever sends a message again is told nothing."""
        payment = inputs["payment"]
        if len(payment["nonce"]) != NONCE_BYTES:
            raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
        replayed = not store.fresh(payment["payer"], payment["nonce"])
        refusal = {"accepted": False, "score": 0.0, "reason": "replayed", "balance": 0}
        return {
            "payment": payment,
            "receipt": {"payment_id": payment["payment_id"], "payer": payment["payer"], **refusal},
            "replayed": {"value": replayed},
        }

    return work
