"""The world `faces`: persons, captures of their faces in colour and depth, keys of their devices, and accounts of payers and payees."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from aibenchrt.datasets.blobs import Blobs
from aibenchrt.datasets.cache import save_whole, whole_version
from aibenchrt.datasets.draws import rng_of
from aibenchrt.datasets.faces.commands import Command, Merchant, commands
from aibenchrt.datasets.faces.history import VALIDATION_START, as_items, as_users, earlier_payments
from aibenchrt.datasets.faces.names import TRADES, persons_names
from aibenchrt.datasets.interactions.said import Said, spoken
from aibenchrt.datasets.rows import SPLITS, Interactions, Item, Provenance, User
from aibenchrt.datasets.text_lines import Line, picture

FACE, ENROLLED, PRINTED = "face", "enrolled", "printed"  # kinds of captures
FIRST_MERCHANT = 10_001  # above all persons' numbers
LINES: Mapping[str, int] = {"train": 2400, "validation": 150, "test": 200}  # pictures of names
BALANCES = (4_000_000, 9_000_000)  # cents, of payers when the ledger is opened; payees have none


@dataclass(frozen=True)
class Person:
    person_id: int
    split: str
    name: str


@dataclass(frozen=True)
class Taken:
    """Of which split and kind a capture is, and whom it shows."""

    split: str
    kind: str
    person: int


@dataclass(frozen=True)
class Capture:
    """A person's face, seen once. png: 8-bit colour, square. depth: of the same side, 16-bit grey PNG, 0.1 mm a level, 0 for nothing."""

    png: bytes
    depth: bytes
    person: int


@dataclass(frozen=True)
class Account:
    """balance: in cents, when the ledger is opened."""

    account_id: int
    balance: int


@dataclass(frozen=True, eq=False)
class FacesWorld:
    """persons, merchants: in order of their ids. taken, pngs, depths: the captures. version: sha256 of all content.

    Keys are derived from the seed whenever they are asked for, and never stored.
    """

    version: str
    variant: str
    seed: int
    provenance: tuple[Provenance, ...]
    persons: tuple[Person, ...]
    merchants: tuple[Merchant, ...]
    taken: tuple[Taken, ...]
    pngs: Sequence[bytes]
    depths: Sequence[bytes]

    @cached_property
    def person(self) -> Mapping[int, Person]:
        """Person id → person."""
        return {person.person_id: person for person in self.persons}

    def of_split(self, split: str) -> tuple[Person, ...]:
        """The persons of "train", "validation" or "test"."""
        return tuple(person for person in self.persons if person.split == split)

    def captures(self, split: str, kind: str) -> list[Capture]:
        """The captures of FACE, ENROLLED or PRINTED of a split, person by person."""
        rows = [row for row, taken in enumerate(self.taken) if taken.split == split and taken.kind == kind]
        return [Capture(self.pngs[row], self.depths[row], self.taken[row].person) for row in rows]

    def faces(self, split: str) -> Sequence[Capture]:
        """Several captures of each person of a split."""
        return self.captures(split, FACE)

    def enrolled(self, split: str) -> Sequence[Capture]:
        """The captures taken of each person for comparison later: frontal, in even light."""
        return self.captures(split, ENROLLED)

    def printed(self, split: str) -> Sequence[Capture]:
        """Captures of printed photos of the persons of a split."""
        return self.captures(split, PRINTED)

    @cached_property
    def device_keys(self) -> Mapping[int, bytes]:
        """Person → the secret key of the person's device, 32 bytes: HMAC-SHA256 of the person's number under the seed's hash."""
        root = hashlib.sha256(f"aibenchc faces: device keys of seed {self.seed}".encode()).digest()
        return {person.person_id: hmac.digest(root, person.person_id.to_bytes(8), "sha256") for person in self.persons}

    @cached_property
    def accounts(self) -> Sequence[Account]:
        """Of the customers, who are the persons of "test", and of all merchants."""
        rng = rng_of(self.seed, "balances")
        payers = [Account(person.person_id, int(rng.integers(*BALANCES))) for person in self.of_split("test")]
        return (*payers, *(Account(merchant.merchant_id, 0) for merchant in self.merchants))

    @cached_property
    def categories(self) -> Sequence[str]:
        """The merchants' trades."""
        return TRADES

    @cached_property
    def interactions(self) -> Interactions:
        """Earlier payments of all persons."""
        return earlier_payments([person.person_id for person in self.persons], [one.merchant_id for one in self.merchants], self.seed)

    @property
    def validation_start(self) -> int:
        """The end of the training period of `interactions`, in Unix seconds."""
        return VALIDATION_START

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The merchants."""
        rows = [(one.merchant_id, one.name, one.trade) for one in self.merchants]
        return as_items(rows, TRADES, self.interactions, self.seed)

    @cached_property
    def users(self) -> tuple[User, ...]:
        """All persons, as payers."""
        trade_of = {one.merchant_id: one.trade for one in self.merchants}
        return as_users([person.person_id for person in self.persons], trade_of, self.interactions, self.seed)

    @cached_property
    def commands(self) -> Mapping[str, Sequence[Command]]:
        """Split → the payments that are ordered by voice there."""
        return commands(self.merchants, self.seed)

    def utterances(self, split: str) -> Sequence[Said]:
        """The `commands` of a split, spoken; made whenever they are asked for."""
        return [spoken(command.text, self.seed) for command in self.commands[split]]

    def lines(self, split: str) -> Sequence[Line]:
        """Pictures of names: first the persons of a split, then others; made whenever they are asked for."""
        return [self.line(name) for name in self._names[split]]

    def line(self, name: str, purpose: str = "") -> Line:
        """A picture of a name. purpose: another one makes another picture of it."""
        how: Literal["real", "synthetic"] = "synthetic" if self.variant == "synthetic" else "real"
        return Line(picture(name, rng_of(self.seed, f"line: {name}{purpose}"), how), name)

    @cached_property
    def _names(self) -> Mapping[str, Sequence[str]]:
        """Split → its persons' names and as many others as LINES says. No name is in two."""
        own = {split: [person.name for person in self.of_split(split)] for split in SPLITS}
        taken = {person.name for person in self.persons}
        others = (name for name in persons_names(rng_of(self.seed, "names of persons")) if name not in taken)
        return {split: [*names, *islice(others, max(0, LINES[split] - len(names)))] for split, names in own.items()}


def save(world: FacesWorld, folder: Path) -> FacesWorld:
    """Writes the world with `save_whole`, and returns it with its version. OSError: it could not be written."""

    def write(partial: Path) -> None:
        document = {
            "variant": world.variant,
            "seed": world.seed,
            "provenance": [asdict(part) for part in world.provenance],
            "persons": [astuple(person) for person in world.persons],
            "merchants": [astuple(merchant) for merchant in world.merchants],
            "taken": [astuple(taken) for taken in world.taken],
            "pngs": np.cumsum([len(png) for png in world.pngs]).tolist(),
            "depths": np.cumsum([len(depth) for depth in world.depths]).tolist(),
        }
        (partial / "world.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        (partial / "pngs.bin").write_bytes(b"".join(world.pngs))
        (partial / "depths.bin").write_bytes(b"".join(world.depths))

    return replace(world, version=save_whole(folder, write))


def load(folder: Path) -> FacesWorld | None:
    """The world that save() wrote there; None if there is none, or if a file's content has changed since."""
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / "world.json").read_bytes())
    return FacesWorld(
        version=version,
        variant=document["variant"],
        seed=document["seed"],
        provenance=tuple(Provenance(**part) for part in document["provenance"]),
        persons=tuple(Person(*person) for person in document["persons"]),
        merchants=tuple(Merchant(*merchant) for merchant in document["merchants"]),
        taken=tuple(Taken(*taken) for taken in document["taken"]),
        pngs=Blobs(folder / "pngs.bin", np.array(document["pngs"], dtype=np.int64)),
        depths=Blobs(folder / "depths.bin", np.array(document["depths"], dtype=np.int64)),
    )
