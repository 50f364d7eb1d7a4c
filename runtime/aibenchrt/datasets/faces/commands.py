"""Payments as people say them: 'pay 12 euros 50 to harbour bakery', by synthetic_speech's sounds. It is not a voice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.rows import SPLITS

MOST: Mapping[str, int] = {"train": 400, "validation": 24, "test": 60}  # each takes some milliseconds of CPU time to speak
MOST_CENTS = 10_000


@dataclass(frozen=True)
class Merchant:
    """trade: its index in names.TRADES."""

    merchant_id: int
    name: str
    trade: int


@dataclass(frozen=True)
class Command:
    """amount: cents."""

    merchant: Merchant
    amount: int

    @property
    def text(self) -> str:
        euros, cents = divmod(self.amount, 100)
        return f"pay {euros} euros {cents} to {self.merchant.name}" if cents else f"pay {euros} euros to {self.merchant.name}"


def drawn_command(merchants: Sequence[Merchant], rng: Rng) -> Command:
    """A payment of 1.00 to 100.00 to one of these."""
    merchant = choose(merchants, rng)
    return Command(merchant, min(MOST_CENTS, 100 + int(rng.lognormal(7.0, 0.8))))


def commands(merchants: Sequence[Merchant], seed: int) -> dict[str, list[Command]]:
    """Split → the payments that are ordered by voice there; no two are said alike."""
    rng = rng_of(seed, "commands")
    known: set[str] = set()
    found: dict[str, list[Command]] = {split: [] for split in SPLITS}
    for split, own in found.items():
        while len(own) < MOST[split]:
            command = drawn_command(merchants, rng)
            if command.text not in known:
                known.add(command.text)
                own.append(command)
    return found
