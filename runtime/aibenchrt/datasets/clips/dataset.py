"""The data set `clips`: moving pictures in clips, for a video service, in a real and a synthetic variant.

    recordings (opencv-doc)      ─┐
    wallpapers, a camera wanders ─┴▶ clips ─▶ groups of 8 frames ─▶ H.264 ─▶ requests
    composed moving scenes       ───▶        └─────────────────────────────▶ truth

README.md in the folder above says what is observed and what is composed. Truth are the frames as they were before they were encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.clips.moving import composed, wandered
from aibenchrt.datasets.clips.packets import packet_of
from aibenchrt.datasets.clips.viewers import VIEWERS
from aibenchrt.datasets.clips.world import GROUP, GROUPS, LENGTH, ClipsWorld, Kept, load, save
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.draws import choose, rng_of
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import SPLITS, Provenance
from aibenchrt.datasets.sources import opencv_clips, wallpapers
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.progress import Progress
from aibenchrt.values import Value

PACKAGES = (
    SourcePackage("OpenCV's sample recordings", opencv_clips.PACKAGE, opencv_clips.LICENCE),
    SourcePackage("Lomiri wallpapers", wallpapers.LOMIRI, wallpapers.LICENCES[wallpapers.LOMIRI.name]),
    SourcePackage("MATE backgrounds", wallpapers.MATE, wallpapers.LICENCES[wallpapers.MATE.name]),
)
GROUPED, SPOKEN = SOURCES = ("groups", "spoken")
_PARTS = {"train": "fit", "validation": "validation", "test": "test"}
WIDTH, HEIGHT = 96, 72  # pixels of a real frame
SMALL_WIDTH, SMALL_HEIGHT = 64, 48  # of a synthetic one
SCENES = {"train": 24, "validation": 4, "test": 10}  # synthetic

# Recording → clips by split, as numbers of stretches of LENGTH frames. Of vtest, one camera's, later stretches are held out, 4.8 s or more
# after those that are learnt from; cup and tree are seen in the test only, box never there.
STRETCHES: dict[str, dict[str, tuple[int, ...]]] = {
    "vtest": {"train": tuple(range(10)), "validation": (11,), "test": (12, 13, 14, 15)},
    "box": {"train": (0, 1, 2), "validation": (3,)},
    "cup": {"test": (0, 1)},
    "tree": {"test": (0,)},
}
HELD_WALLS = {"test": 5, "validation": 3}  # wallpapers; each of the rest has two clips
_Frames = Sequence[NDArray[np.uint8]]


def sizes(world: ClipsWorld) -> str:
    held_out = sum(kept.split == "test" for kept in world.kept)
    return f"{len(world.kept):,} clips of {LENGTH} frames; {held_out:,} clips with {held_out * GROUPS:,} groups of {GROUP} held out"


def payloads(world: ClipsWorld, source: str, split: str = "test") -> list[Payload]:
    """The requests of one source ("groups" or "spoken") and split: clip by clip, GROUPS each, in order, the same in each source.

    originals: the group's frames, PNG. moment: the clip as stream, and the group's number in it, unless a load with streams sets another.
    user: who watches; each clip has a viewer of its own, so that intervals over viewers are intervals over clips. ValueError: no such
    source.
    """
    if source not in SOURCES:
        raise ValueError(f"clips has no source {source!r}; it has {', '.join(SOURCES)}")
    return list(_payloads(world, source, split))


def _payloads(world: ClipsWorld, source: str, split: str) -> Iterator[Payload]:
    heard = [one.wav for one in world.utterances(split)] if source == SPOKEN else []
    rng = rng_of(world.seed, f"{source} of {split}")
    for number, clip in enumerate(world.clips(split)):
        for group, packet in enumerate(clip.packets):
            values: dict[str, Value] = {
                "packet": {"content": packet, "key": True, "number": group},
                "shot": {"clip": number, "frame": group * GROUP},
                "moment": {"stream": number, "number": group},
                "user": {"user_id": VIEWERS[number % len(VIEWERS)]},
            }
            if source == SPOKEN:
                values["audio"] = {"wav": choose(heard, rng)}
            truth = {"originals": tuple(clip.frames[group * GROUP : (group + 1) * GROUP])}
            yield Payload(values, truth, number * GROUPS + group, f"{clip.scene}, group {group}", _PARTS[split])


def _real(seed: int, progress: Progress) -> ClipsWorld:
    provenance = (
        Provenance("recordings", "observed", "Debian's opencv-doc 4.6.0: vtest, tree, box, cup; resampled", opencv_clips.LICENCE),
        Provenance("wallpapers", "observed", "Debian's lomiri-wallpapers-16.04 and mate-backgrounds",
                   "; ".join(sorted(wallpapers.LICENCES.values()))),
        Provenance("a camera that wanders over wallpapers", "composed", "composed by aibenchc, seeded", "Apache-2.0"),
        *_composed(),
    )  # fmt: skip
    recordings = {recording.name: recording.frames for recording in opencv_clips.load_recordings(WIDTH, HEIGHT, progress)}
    recorded = [
        (Kept(split, name), list(recordings[name][number * LENGTH : (number + 1) * LENGTH]))
        for name, splits in STRETCHES.items()
        for split, numbers in splits.items()
        for number in numbers
    ]
    wandering = _wandering([np.asarray(wall) for wall in wallpapers.load_wallpapers(progress)], seed)
    return _world("real", seed, provenance, [*recorded, *wandering], progress)


def _wandering(walls: list[NDArray[np.uint8]], seed: int) -> Iterator[tuple[Kept, _Frames]]:
    """Clips of wallpapers; none is in two splits."""
    order = rng_of(seed, "wallpapers").permutation(len(walls)).tolist()
    for split, count in (*HELD_WALLS.items(), ("train", len(order))):
        own, order = order[:count], order[count:]
        for wall in own:
            for turn in range(2 if split == "train" else 1):
                rng = rng_of(seed, f"camera over wallpaper {wall}, {turn}")
                yield Kept(split, f"wallpaper {wall}"), list(wandered(walls[wall], WIDTH, HEIGHT, LENGTH, rng))


def _synthetic(seed: int, progress: Progress) -> ClipsWorld:
    provenance = (Provenance("moving scenes", "composed", "things before clouds of colour, seeded", "Apache-2.0"), *_composed())
    names = [(split, f"{split} {number}") for split in SPLITS for number in range(SCENES[split])]
    scenes = (
        (Kept(split, name), list(composed(SMALL_WIDTH, SMALL_HEIGHT, LENGTH, rng_of(seed, f"scene {name}")))) for split, name in names
    )
    return _world("synthetic", seed, provenance, scenes, progress)


def _world(
    variant: str, seed: int, provenance: tuple[Provenance, ...], clips: Iterable[tuple[Kept, _Frames]], progress: Progress
) -> ClipsWorld:
    kept: list[Kept] = []
    pngs: list[bytes] = []
    packets: list[bytes] = []
    for clip, frames in clips:
        assert len(frames) == LENGTH, f"{clip.scene}: {len(frames)} frames"
        kept.append(clip)
        pngs += map(colour_png, frames)
        packets += [packet_of(frames[start : start + GROUP]) for start in range(0, LENGTH, GROUP)]
        progress(f"composing the {variant} world: {clip.scene}", 0.5)
    return ClipsWorld("", variant, seed, provenance, tuple(kept), pngs, packets)


def _composed() -> tuple[Provenance, ...]:
    return (
        Provenance("groups of frames: encoded with x264, constant quality", "composed", "by PyAV", "Apache-2.0"),
        Provenance("truth: the frames before they were encoded", "composed", "the same", "Apache-2.0"),
        Provenance("viewers, programmes, what they watched earlier, what a narrator says", "composed", "drawn by seed", "Apache-2.0"),
    )


WORLDS: WorldCache[ClipsWorld] = WorldCache("clips", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
