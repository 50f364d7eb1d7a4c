"""Wavefront OBJ and MTL files as solids: faces with texture coordinates, colours, opacity and textures. Normals and curves are left out."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.rasteriser import Floats, Ints, Solid, Surface

TEXTURE = 96  # pixels of a texture's longer side; a finer one would only add noise to small pictures
PLAIN = Surface((0.8, 0.8, 0.8))  # of faces without a material, and of materials that no file describes
Read = Callable[[str], bytes]  # a file beside the OBJ file, by the name in it; KeyError: there is none

_ROW = re.compile(rb"^[ \t]*(v|vt|f|usemtl|mtllib)[ \t]+([^\r\n]*)", re.MULTILINE)


def load_solid(obj: bytes, read: Read) -> tuple[Solid, tuple[str, ...]]:
    """The solid of an OBJ file, and the names of its surfaces. ValueError: it has no faces, or it is damaged."""
    rows = _ROW.findall(obj)
    points = _numbers([given for key, given in rows if key == b"v"], 3)
    places = _numbers([given for key, given in rows if key == b"vt"], 2)
    materials = {name: surface for key, given in rows if key == b"mtllib" for name, surface in _library(given, read)}
    names: dict[str, int] = {}
    corners, uv, surface = [], [], []
    for name, faces in _by_material(rows):
        number = names.setdefault(name, len(names))
        own, textured = _triangles(faces, len(points), len(places))
        corners.append(own)
        uv.append(np.where(textured[:, :, None] >= 0, places[textured], 0.0) if len(places) else np.zeros((*textured.shape, 2)))
        surface.append(np.full(len(own), number))
    if not corners:
        raise ValueError("a model without faces")
    surfaces = tuple(materials.get(name, PLAIN) for name in names)
    return Solid(points, np.concatenate(corners), np.concatenate(uv), np.concatenate(surface), surfaces), tuple(names)


def _numbers(rows: list[bytes], columns: int) -> Floats:
    return np.array([row.split()[:columns] for row in rows], dtype=np.float64).reshape(-1, columns)


def _by_material(rows: list[tuple[bytes, bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    """The faces that follow each other with one material."""
    name = ""
    faces: list[bytes] = []
    for key, given in rows:
        if key == b"usemtl":
            if faces:
                yield name, faces
            name, faces = given.decode("latin-1").strip(), []
        elif key == b"f":
            faces.append(given)
    if faces:
        yield name, faces


def _triangles(faces: list[bytes], points: int, places: int) -> tuple[Ints, Ints]:
    """Polygons as fans of triangles: (m, 3) rows of points, and (m, 3) rows of texture coordinates, -1 without. Negative numbers in the
    file count from the end of what the file has in all, as they do where all faces follow all points."""
    point, place = [], []
    for face in faces:
        corners = [(*word.split(b"/"), b"")[:2] for word in face.split()]
        for last in range(2, len(corners)):
            for corner in (corners[0], corners[last - 1], corners[last]):
                point.append(int(corner[0]))
                place.append(int(corner[1] or 0))
    return _rows(point, points), _rows(place, places)


def _rows(numbers: list[int], most: int) -> Ints:
    given = np.array(numbers, dtype=np.int64).reshape(-1, 3)
    rows: Ints = np.where(given < 0, given + most, given - 1)
    if (rows >= most).any():
        raise ValueError("a face has a corner that the file does not contain")
    return rows


def _library(names: bytes, read: Read) -> Iterator[tuple[str, Surface]]:
    """The materials of an MTL file; of one that is not there, none."""
    try:
        text = read(names.decode("latin-1").strip()).decode("latin-1")
    except KeyError:
        return
    for part in re.split(r"^[ \t]*newmtl[ \t]+", text, flags=re.MULTILINE)[1:]:
        name, *lines = part.splitlines() or [""]
        given = {words[0]: words[1:] for line in lines if (words := line.split())}
        colour = [float(number) for number in given.get("Kd", ())[:3]]
        red, green, blue = colour if len(colour) == 3 else PLAIN.colour
        yield name.strip(), Surface((red, green, blue), _opacity(given), _texture(given.get("map_Kd"), read))


def _opacity(given: dict[str, list[str]]) -> float:
    if given.get("d"):
        return min(1.0, max(0.0, float(given["d"][-1])))
    return 1.0


def _texture(words: list[str] | None, read: Read) -> NDArray[np.uint8] | None:
    """The texture of a `map_Kd` line, whose last word is its file; None if there is none, or the file is not there."""
    if not words:
        return None
    try:
        content = read(words[-1])
    except KeyError:
        return None
    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("RGB", (TEXTURE, TEXTURE))
        small = picture.convert("RGB")
        small.thumbnail((TEXTURE, TEXTURE), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.uint8)
