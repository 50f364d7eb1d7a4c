"""The data set acme_desk: tickets of a help desk, composed from seeded sentences. It has a synthetic variant alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from aibenchrt.datasets.cache import DEFAULT_SEED, cache_folder, cached_world
from aibenchrt.datasets.interactions.world import Provenance
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.home import home
from aibenchrt.progress import Progress, silent

VARIANTS = ("synthetic",)
PACKAGES: tuple[SourcePackage, ...] = ()
TICKETS = {"train": 2400, "validation": 300, "test": 600}
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
    text: str
    queue: int
    split: str


@dataclass(frozen=True)
class DeskWorld:
    """version: sha256 of the tickets."""

    version: str
    variant: str
    seed: int
    queues: tuple[str, ...]
    tickets: tuple[Ticket, ...]
    provenance: tuple[Provenance, ...] = _PROVENANCE

    def tickets_of(self, split: str) -> list[Ticket]:
        return [ticket for ticket in self.tickets if ticket.split == split]


def load_world(variant: str = "synthetic", seed: int = DEFAULT_SEED, progress: Progress = silent) -> DeskWorld:
    return cached_world(world_folder(home(), variant, seed), variant, seed, progress, stored_world, {"synthetic": _compose}, _save)


def world_folder(home: Path, variant: str, seed: int) -> Path:
    return cache_folder(home, "acme_desk", variant, seed, __name__)


def stored_world(folder: Path) -> DeskWorld | None:
    try:
        held = json.loads((folder / _FILE).read_bytes())
    except (OSError, ValueError):
        return None
    tickets = tuple(Ticket(**ticket) for ticket in held["tickets"])
    return DeskWorld(_version(tickets), held["variant"], held["seed"], tuple(_WORDS), tickets)


def sizes(world: DeskWorld) -> str:
    return f"{len(world.tickets):,} tickets, {len(world.tickets_of('test'))} held out"


def payloads(world: DeskWorld, source: str, split: str) -> list[Payload]:
    if source != "tickets":
        raise ValueError(f"acme_desk has no source {source!r}")
    part = "fit" if split == "train" else split
    return [
        Payload({"text": {"text": ticket.text}}, {"label": ticket.queue}, number, world.queues[ticket.queue], part)
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
            tickets.append(Ticket(_FRAMES[int(rng.integers(len(_FRAMES)))].format(" ".join(said)), queue, split))
    return DeskWorld(_version(tuple(tickets)), "synthetic", seed, tuple(_WORDS), tuple(tickets))


def _save(world: DeskWorld, folder: Path) -> DeskWorld:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"variant": world.variant, "seed": world.seed, "tickets": [asdict(ticket) for ticket in world.tickets]})
    (folder / _FILE).write_text(text, encoding="utf-8")
    return world


def _version(tickets: tuple[Ticket, ...]) -> str:
    return hashlib.sha256(json.dumps([asdict(ticket) for ticket in tickets]).encode()).hexdigest()
