"""The payments that persons order, and those who pose as them: sealed messages, with whether each must be accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aibenchrt.components.encryption.sealing import GCM_NONCE_BYTES, PAYMENT_NONCE_BYTES, Payment, seal_payment
from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.faces.world import Capture, FacesWorld, Merchant, Person

GENUINE, IMPOSTORS, PRINTED, REPLAYS, DOUBLES = "genuine", "impostors", "printed", "replays", "doubles"
MOST_CENTS = 10_000
# Messages of a source in "test": several runs of a minute use less than half of them. Other splits have SHARES of them.
COUNTS: Mapping[str, int] = {GENUINE: 3600, IMPOSTORS: 320, PRINTED: 320, REPLAYS: 200, DOUBLES: 120}
SHARES: Mapping[str, float] = {"train": 0.1, "validation": 0.2, "test": 1.0}


@dataclass(frozen=True)
class Ordered:
    """A message and what is known of it. genuine: whether the payment must be accepted. note: for people who read the records."""

    content: bytes
    payment: Payment
    genuine: bool
    note: str


@dataclass(frozen=True)
class _Split:
    """What messages of one split are made of. faces, prints: person id → captures."""

    world: FacesWorld
    persons: Sequence[Person]
    faces: Mapping[int, Sequence[Capture]]
    prints: Mapping[int, Sequence[Capture]]


def ordered(world: FacesWorld, source: str, split: str) -> list[Ordered]:
    """The messages of a source and split, in order of their ids; the persons take turns. KeyError: no such source or split."""
    rng = rng_of(world.seed, f"{source} of {split}")
    own = _Split(world, world.of_split(split), _by_person(world.faces(split)), _by_person(world.printed(split)))
    count = round(COUNTS[source] * SHARES[split])
    found: list[Ordered] = []
    for payer in _turns(own.persons, rng):
        if len(found) >= count:
            break
        found.extend(_MAKERS[source](own, payer, rng))
    return found


def drawn_payment(world: FacesWorld, payer: Person, rng: Rng) -> tuple[Payment, Merchant]:
    """A payment of 1.00 to 100.00 to a merchant."""
    merchant = choose(world.merchants, rng)
    amount = min(MOST_CENTS, 100 + int(rng.lognormal(7.0, 0.8)))
    return Payment(rng.bytes(8).hex(), payer.person_id, merchant.merchant_id, amount, rng.bytes(PAYMENT_NONCE_BYTES)), merchant


def sealed(world: FacesWorld, payment: Payment, shown: Capture, rng: Rng) -> bytes:
    """The message by the key of the payer's device, whomever the capture shows."""
    return seal_payment(payment, shown.png, shown.depth, world.device_keys[payment.payer], rng.bytes(GCM_NONCE_BYTES))


def said(payer: Person, merchant: Merchant, amount: int) -> str:
    return f"{payer.name} pays {amount // 100}.{amount % 100:02d} to {merchant.name}"


def _turns(persons: Sequence[Person], rng: Rng) -> Iterator[Person]:
    while True:
        yield from (persons[place] for place in rng.permutation(len(persons)).tolist())


def _by_person(captures: Sequence[Capture]) -> dict[int, list[Capture]]:
    found: dict[int, list[Capture]] = {}
    for capture in captures:
        found.setdefault(capture.person, []).append(capture)
    return found


def _genuine(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    payment, merchant = drawn_payment(own.world, payer, rng)
    shown = choose(own.faces[payer.person_id], rng)
    return [Ordered(sealed(own.world, payment, shown, rng), payment, True, said(payer, merchant, payment.amount))]


def _impostor(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """Another person of the split with the payer's device."""
    payment, merchant = drawn_payment(own.world, payer, rng)
    thief = choose([person for person in own.persons if person != payer], rng)
    message = sealed(own.world, payment, choose(own.faces[thief.person_id], rng), rng)
    return [Ordered(message, payment, False, f"{said(payer, merchant, payment.amount)}; the face is that of {thief.name}")]


def _printed(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    payment, merchant = drawn_payment(own.world, payer, rng)
    message = sealed(own.world, payment, choose(own.prints[payer.person_id], rng), rng)
    return [Ordered(message, payment, False, f"{said(payer, merchant, payment.amount)}; the face is printed")]


def _replay(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """A genuine message, and the same bytes again."""
    (first,) = _genuine(own, payer, rng)
    return [first, Ordered(first.content, first.payment, False, f"{first.note}; sent again")]


def _double(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """One payment in two messages, each with a nonce of its own, as by a client that did not wait for the receipt."""
    payment, merchant = drawn_payment(own.world, payer, rng)
    shown = choose(own.faces[payer.person_id], rng)
    again = Payment(payment.payment_id, payment.payer, payment.payee, payment.amount, rng.bytes(PAYMENT_NONCE_BYTES))
    note = said(payer, merchant, payment.amount)
    return [Ordered(sealed(own.world, one, shown, rng), one, True, f"{note}; ordered twice") for one in (payment, again)]


_MAKERS: Mapping[str, Callable[[_Split, Person, Rng], list[Ordered]]] = {
    GENUINE: _genuine, IMPOSTORS: _impostor, PRINTED: _printed, REPLAYS: _replay, DOUBLES: _double
}  # fmt: skip
