"""Makes the world `faces`: draws persons, takes captures of each, and prints some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.depth_png import depth_png
from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.faces.camera import Conditions, Seen, capture, printed
from aibenchrt.datasets.faces.commands import Merchant
from aibenchrt.datasets.faces.heads import person
from aibenchrt.datasets.faces.names import TRADES, merchants_names, persons_names
from aibenchrt.datasets.faces.skin import drawn_look
from aibenchrt.datasets.faces.world import ENROLLED, FACE, FIRST_MERCHANT, PRINTED, FacesWorld, Person, Taken
from aibenchrt.datasets.rows import SPLITS, Provenance
from aibenchrt.datasets.sources.head_model import HeadModel
from aibenchrt.progress import Progress

MERCHANTS = 4  # of each trade


@dataclass(frozen=True)
class Amounts:
    """persons: by split. faces, enrolled: captures of each; prints: of each person, by split."""

    persons: Mapping[str, int]
    faces: int
    enrolled: int
    prints: Mapping[str, int]


def compose(
    variant: str,
    seed: int,
    model: HeadModel,
    spread: float,
    amounts: Amounts,
    how: Conditions,
    provenance: tuple[Provenance, ...],
    progress: Progress,
) -> FacesWorld:
    """The world. spread: of persons' shapes (heads.py). how: conditions of faces; enrolment is milder."""
    persons: list[Person] = []
    taken: list[Taken] = []
    seen: list[Seen] = []
    names = persons_names(rng_of(seed, "names of persons"))
    whole = sum(amounts.persons.values())
    for split in SPLITS:
        for _ in range(amounts.persons[split]):
            number = len(persons) + 1
            progress(f"taking pictures of person {number} of {whole}", number / (whole + 1))
            persons.append(Person(number, split, next(names)))
            for kind, picture in _captures(model, spread, amounts, split, how, rng_of(seed, f"person {number}")):
                taken.append(Taken(split, kind, number))
                seen.append(picture)
    merchants = _merchants(seed)
    pngs, depths = tuple(colour_png(one.colour) for one in seen), tuple(depth_png(one.depth) for one in seen)
    return FacesWorld("", variant, seed, provenance, tuple(persons), merchants, tuple(taken), pngs, depths)


def mild(how: Conditions) -> Conditions:
    """The conditions of enrolment: frontal, even light, hardly any expression."""
    return replace(
        how, yaw=how.yaw / 3, pitch=how.pitch / 3, roll=how.roll / 3, expression=how.expression / 4, sideways=how.sideways / 2,
        exposure=1.0 + (how.exposure - 1.0) / 2, tint=how.tint / 2,
    )  # fmt: skip


def _captures(model: HeadModel, spread: float, amounts: Amounts, split: str, how: Conditions, rng: Rng) -> list[tuple[str, Seen]]:
    rest, look = person(model, spread, rng), drawn_look(rng)
    faces = [capture(model, rest, look, how, rng) for _ in range(amounts.faces)]
    enrolled = [capture(model, rest, look, mild(how), rng) for _ in range(amounts.enrolled)]
    prints = [printed(faces[number % len(faces)], how, rng) for number in range(amounts.prints[split])]
    return [(kind, one) for kind, some in ((FACE, faces), (ENROLLED, enrolled), (PRINTED, prints)) for one in some]


def _merchants(seed: int) -> tuple[Merchant, ...]:
    rng = rng_of(seed, "merchants")
    named = [(trade, name) for trade in TRADES for _, name in zip(range(MERCHANTS), merchants_names(trade, rng), strict=False)]
    return tuple(Merchant(FIRST_MERCHANT + number, name, TRADES.index(trade)) for number, (trade, name) in enumerate(named))
