"""Encryption: opens sealed payments and their pictures, and seals receipts (sealing.py says how), by the keys of payers' devices.

The keys are in a file of their own, mode 0600, and in no error, log or answer.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.components.encryption.sealing import KEY_BYTES, Receipt, SealError, open_payment, open_pictures, seal_receipt
from aibenchrt.values import Values, Work
from aibenchrt.whole_file import OWNERS, write_bytes

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import KeyWorld

_FILE = "device.keys"
_ROW = struct.Struct(f">q{KEY_BYTES}s")


def prepare(world: KeyWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - all operations take all keys
    """SealError: a key has another length."""
    if any(len(key) != KEY_BYTES for key in world.device_keys.values()):
        raise SealError(f"a key has {KEY_BYTES} bytes")
    rows = (_ROW.pack(payer, key) for payer, key in sorted(world.device_keys.items()))
    write_bytes(folder / _FILE, b"".join(rows), OWNERS)


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    keys: dict[int, bytes] = dict(_ROW.iter_unpack((folder / _FILE).read_bytes()))
    match settings["operation"]:
        case "open":
            return Opening(keys)
        case "pictures":
            return Pictures(keys)
        case _:
            return Sealing(keys)


class Opening:
    """Message → payment, and its pictures, still sealed. SealError: it cannot be opened."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = keys

    def __call__(self, inputs: Values) -> Values:
        payment, pictures = open_payment(inputs["message"]["content"], self._keys)
        return {
            "payment": {
                "payment_id": payment.payment_id,
                "payer": payment.payer,
                "payee": payment.payee,
                "amount": payment.amount,
                "nonce": payment.nonce,
            },
            "pictures": {"content": pictures},
        }


class Pictures:
    """A payment and its sealed pictures → the pictures. SealError: they cannot be opened, or are another payer's."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = keys

    def __call__(self, inputs: Values) -> Values:
        png, depth = open_pictures(inputs["pictures"]["content"], inputs["payment"]["payer"], self._keys)
        return {"image": {"png": png}, "depth": {"png": depth}}


class Sealing:
    """Receipt → message for the payer's device, and the receipt itself. LookupError: no such device.

    SealError: no receipt has such values.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = keys

    def __call__(self, inputs: Values) -> Values:
        given = inputs["receipt"]
        key = self._keys.get(given["payer"])
        if key is None:
            raise LookupError("the receipt is for nobody's device")
        receipt = Receipt(
            given["payment_id"], given["payer"], bool(given["accepted"]), float(given["score"]), given["reason"], given["balance"]
        )
        return {"sealed": {"content": seal_receipt(receipt, key)}, "receipt": given}
