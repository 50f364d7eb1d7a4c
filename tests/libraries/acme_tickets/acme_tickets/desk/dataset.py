"""The data set acme_desk: tickets of a help desk, composed from seeded sentences. It has a synthetic variant alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from aibenchrt.datasets.cache import WorldCache, save_whole, whole_version
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.progress import Progress

PACKAGES: tuple[SourcePackage, ...] = ()
TICKETS = {"train": 2400, "validation": 300, "test": 600}
RANK = 600  # training tickets, the last ones, from which what learns on the path learns
_FILE = "world.json"
_WORDS = {
    "billing": "invoice charge card refund price tax receipt amount paid bank",
    "delivery": "parcel courier address late tracking lost box door van driver",
    "account": "password login email locked profile name reset code phone delete",
    "returns": "broken size wrong exchange label warranty repair faulty colour refund",
}
_FRAMES = ("Hello, {} please", "Hi team: {}", "Dear team, {}. Thanks", "{}?", "please help, {}!")
_PROVENANCE = (Provenance("tickets and their queues", "composed", "sentences of seeded words", "Apache-2.0"),)


@dataclass(frozen=True)
class Ticket:
    """time: when it came, in seconds since the desk opened."""

    text: str
    queue: int
    split: str
    time: int


@dataclass(frozen=True)
class DeskWorld:
    """version: sha256 of the tickets. known_until: later training tickets are not known yet."""

    version: str
    variant: str
    seed: int
    queues: tuple[str, ...]
    tickets: tuple[Ticket, ...]
    rank_start: int
    known_until: int
    provenance: tuple[Provenance, ...] = _PROVENANCE

    def tickets_of(self, split: str) -> list[Ticket]:
        return [ticket for ticket in self.tickets if ticket.split == split and (split != "train" or ticket.time < self.known_until)]

    def snapshot(self, time: int) -> DeskWorld:
        """What the desk knew at that time."""
        return replace(self, version=f"{self.version}@{time}", known_until=time)


def sizes(world: DeskWorld) -> str:
    return f"{len(world.tickets):,} tickets, {len(world.tickets_of('test'))} held out"


def payloads(world: DeskWorld, source: str, split: str) -> list[Payload]:
    if source != "tickets":
        raise ValueError(f"acme_desk has no source {source!r}")

    def part(ticket: Ticket) -> str:
        return split if split != "train" else "fit" if ticket.time < world.rank_start else "rank"

    return [
        Payload({"text": {"text": ticket.text}}, {"label": ticket.queue}, number, world.queues[ticket.queue], part(ticket))
        for number, ticket in enumerate(world.tickets)
        if ticket.split == split
    ]


def _compose(seed: int, progress: Progress) -> DeskWorld:
    progress("composing tickets", 0.0)
    rng = np.random.default_rng([seed, len(_WORDS)])
    vocabulary = [words.split() for words in _WORDS.values()]
    tickets = []
    for split, count in TICKETS.items():
        for _ in range(count):
            queue = int(rng.integers(len(vocabulary)))
            own = rng.choice(vocabulary[queue], size=int(rng.integers(1, 4)), replace=False).tolist()
            other = rng.choice([word for words in vocabulary for word in words], size=int(rng.integers(1, 4)), replace=False).tolist()
            said = rng.permutation([*own, *other]).tolist()
            tickets.append(Ticket(_FRAMES[int(rng.integers(len(_FRAMES)))].format(" ".join(said)), queue, split, 60 * len(tickets)))
    return _world("", "synthetic", seed, tuple(tickets))


def _world(version: str, variant: str, seed: int, tickets: tuple[Ticket, ...]) -> DeskWorld:
    times = [ticket.time for ticket in tickets if ticket.split == "train"]
    return DeskWorld(version, variant, seed, tuple(_WORDS), tickets, times[-RANK], times[-1] + 1)


def _save(world: DeskWorld, folder: Path) -> DeskWorld:
    document = {"variant": world.variant, "seed": world.seed, "tickets": [asdict(ticket) for ticket in world.tickets]}
    return replace(world, version=save_whole(folder, lambda partial: (partial / _FILE).write_text(json.dumps(document), encoding="utf-8")))


def _stored(folder: Path) -> DeskWorld | None:
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / _FILE).read_bytes())
    return _world(version, document["variant"], document["seed"], tuple(Ticket(**ticket) for ticket in document["tickets"]))


WORLDS: WorldCache[DeskWorld] = WorldCache("acme_desk", __name__, {"synthetic": _compose}, _save, _stored)
