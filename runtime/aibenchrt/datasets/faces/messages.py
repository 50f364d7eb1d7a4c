"""The payments that persons order, and those who pose as them: sealed messages, with whether each must be accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aibenchrt.components.encryption.sealing import GCM_NONCE_BYTES, PAYMENT_NONCE_BYTES, Payment, seal_payment
from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.faces.commands import Command, drawn_command
from aibenchrt.datasets.faces.world import Capture, FacesWorld, Person
from aibenchrt.datasets.interactions.said import spoken
from aibenchrt.values import Value

GENUINE, IMPOSTORS, PRINTED, REPLAYS, DOUBLES = "genuine", "impostors", "printed", "replays", "doubles"
SPOKEN, CARDS = "spoken", "cards"
# Messages of a source in "test": several runs of a minute use less than half of them. Other splits have SHARES of them.
COUNTS: Mapping[str, int] = {GENUINE: 3600, IMPOSTORS: 320, PRINTED: 320, REPLAYS: 200, DOUBLES: 120, SPOKEN: 60, CARDS: 60}
SHARES: Mapping[str, float] = {"train": 0.1, "validation": 0.2, "test": 1.0}


@dataclass(frozen=True)
class Ordered:
    """A message and what is known of it. genuine: whether the payment must be accepted. note: for people who read the records. beside: what
    else its sender sends, by port."""

    content: bytes
    payment: Payment
    genuine: bool
    note: str
    beside: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class _Split:
    """What messages of one split are made of. faces, prints: person id → captures. commands: ordered by voice, each taken once."""

    world: FacesWorld
    persons: Sequence[Person]
    faces: Mapping[int, Sequence[Capture]]
    prints: Mapping[int, Sequence[Capture]]
    commands: Iterator[Command]


def ordered(world: FacesWorld, source: str, split: str) -> list[Ordered]:
    """The messages of a source and split, in order of their ids; the persons take turns. KeyError: no such source or split."""
    rng = rng_of(world.seed, f"{source} of {split}")
    own = _Split(
        world, world.of_split(split), _by_person(world.faces(split)), _by_person(world.printed(split)), iter(world.commands[split])
    )
    count = round(COUNTS[source] * SHARES[split])
    found: list[Ordered] = []
    for payer in _turns(own.persons, rng):
        if len(found) >= count:
            break
        found.extend(_MAKERS[source](own, payer, rng))
    return found


def _payment(payer: Person, command: Command, rng: Rng) -> Payment:
    return Payment(rng.bytes(8).hex(), payer.person_id, command.merchant.merchant_id, command.amount, rng.bytes(PAYMENT_NONCE_BYTES))


def _sealed(own: _Split, payment: Payment, shown: Capture, rng: Rng) -> bytes:
    """The message by the key of the payer's device, whomever the capture shows."""
    return seal_payment(
        payment, shown.png, shown.depth, own.world.device_keys[payment.payer], (rng.bytes(GCM_NONCE_BYTES), rng.bytes(GCM_NONCE_BYTES))
    )


def _note(payer: Person, command: Command) -> str:
    return f"{payer.name} pays {command.amount // 100}.{command.amount % 100:02d} to {command.merchant.name}"


def _turns(persons: Sequence[Person], rng: Rng) -> Iterator[Person]:
    while True:
        yield from (persons[place] for place in rng.permutation(len(persons)).tolist())


def _by_person(captures: Sequence[Capture]) -> dict[int, list[Capture]]:
    found: dict[int, list[Capture]] = {}
    for capture in captures:
        found.setdefault(capture.person, []).append(capture)
    return found


def _ordered(own: _Split, payer: Person, shown: Capture, genuine: bool, rng: Rng, *, command: Command | None = None) -> Ordered:
    """A payment with a capture. command: what to pay; None: drawn."""
    command = command or drawn_command(own.world.merchants, rng)
    payment = _payment(payer, command, rng)
    return Ordered(_sealed(own, payment, shown, rng), payment, genuine, _note(payer, command))


def _genuine(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    return [_ordered(own, payer, choose(own.faces[payer.person_id], rng), True, rng)]


def _impostor(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """Another person of the split with the payer's device."""
    thief = choose([person for person in own.persons if person != payer], rng)
    one = _ordered(own, payer, choose(own.faces[thief.person_id], rng), False, rng)
    return [replace(one, note=f"{one.note}; the face is that of {thief.name}")]


def _printed(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    one = _ordered(own, payer, choose(own.prints[payer.person_id], rng), False, rng)
    return [replace(one, note=f"{one.note}; the face is printed")]


def _replay(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """A genuine message, and the same bytes again."""
    (first,) = _genuine(own, payer, rng)
    return [first, replace(first, genuine=False, note=f"{first.note}; sent again")]


def _double(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """One payment in two messages, each with a nonce of its own, as by a client that did not wait for the receipt."""
    shown = choose(own.faces[payer.person_id], rng)
    first = _ordered(own, payer, shown, True, rng)
    again = replace(first.payment, nonce=rng.bytes(PAYMENT_NONCE_BYTES))
    pair = (first, replace(first, content=_sealed(own, again, shown, rng), payment=again))
    return [replace(one, note=f"{one.note}; ordered twice") for one in pair]


def _spoken(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """A genuine payment, and the order as it was said."""
    command = next(own.commands)
    one = _ordered(own, payer, choose(own.faces[payer.person_id], rng), True, rng, command=command)
    said = spoken(command.text, own.world.seed)
    return [replace(one, note=f"{one.note}; said: {said.text}", beside={"audio": {"wav": said.wav}})]


def _card(own: _Split, payer: Person, rng: Rng) -> list[Ordered]:
    """A genuine payment, and the line of the payer's identity card that has the name."""
    (one,) = _genuine(own, payer, rng)
    line = own.world.line(payer.name, purpose=f" on the card beside payment {one.payment.payment_id}")
    return [replace(one, beside={"card": {"png": line.png}})]


_MAKERS: Mapping[str, Callable[[_Split, Person, Rng], list[Ordered]]] = {
    GENUINE: _genuine, IMPOSTORS: _impostor, PRINTED: _printed, REPLAYS: _replay, DOUBLES: _double, SPOKEN: _spoken, CARDS: _card
}  # fmt: skip
