"""A small world of payments in memory: accounts and devices."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aibenchrt.datasets.rows import Provenance


@dataclass(frozen=True)
class Account:
    account_id: int
    balance: int


@dataclass(frozen=True)
class PayWorld:
    """payers: customers 1 to n with the same balance; merchants: from 1001, with nothing."""

    payers: int = 8
    merchants: int = 2
    balance: int = 10_000
    version: str = "pay-world-1"
    variant: str = "synthetic"
    seed: int = 7
    provenance: tuple[Provenance, ...] = ()

    @property
    def accounts(self) -> list[Account]:
        payers = [Account(payer, self.balance) for payer in range(1, self.payers + 1)]
        return payers + [Account(1001 + merchant, 0) for merchant in range(self.merchants)]

    @property
    def device_keys(self) -> Mapping[int, bytes]:
        return {payer: random.Random(payer).randbytes(32) for payer in range(1, self.payers + 1)}


ACCEPTED = {"accepted": True, "score": 0.75}


def payment(number: int, payer: int = 1, payee: int = 1001, amount: int = 100, nonce: bytes | None = None) -> dict[str, Any]:
    """One with an id and a nonce of its number."""
    fresh = random.Random(f"nonce {number}").randbytes(16) if nonce is None else nonce
    return {"payment_id": f"p-{number}", "payer": payer, "payee": payee, "amount": amount, "nonce": fresh}
