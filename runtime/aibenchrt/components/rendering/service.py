"""Rendering: the surface of voxels, hit by rays with Embree, in a texture and in one of two looks (datasets/looks.py).

voxels ─▶ sides that nothing covers ─▶ Embree ─▶ points that are seen, their smoothed normals ─▶ raster: texture and light
                                         └─ rays to the sky from these points ────────────────▶ occluded: and how open they are to it
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from aibenchrt.datasets.arcade.bodies import lowest, smooth_normals
from aibenchrt.datasets.arcade.drawing import Seen
from aibenchrt.datasets.arcade.skins import TEXELS
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.looks import (
    FOCAL,
    LIFT,
    OCCLUDED,
    REACH,
    SKY,
    Camera,
    Floats,
    below,
    facing,
    framed,
    lit,
    openness,
    painted,
    unpacked,
)
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.values import Values, Work

SIDES = (8, 256)  # pixels of a frame
MOST_VOXELS = 64  # of a side of a body
DEVICE = EmbreeDevice()


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - reads and keeps nothing
    """ValueError: a side that is not in SIDES."""
    side, occluded = int(settings["side"]), settings["look"] == OCCLUDED
    if not SIDES[0] <= side <= SIDES[1]:
        raise ValueError(f"a frame of {side} pixels a side; {SIDES[0]} to {SIDES[1]} are drawn")

    def work(inputs: Values) -> Values:
        """OSError or ValueError: the texture is no picture or too large, the camera is within the body, or it is no body of at most
        MOST_VOXELS a side."""
        solid, camera = inputs["solid"], inputs["camera"]
        if int(solid["side"]) > MOST_VOXELS:
            raise ValueError(f"a body of {solid['side']} voxels a side; at most {MOST_VOXELS} are drawn")
        voxels = unpacked(solid["content"], int(solid["side"]))
        place = Camera(float(camera["azimuth"]), float(camera["elevation"]), float(camera["distance"]))
        texture = colour_pixels(inputs["texture"]["png"], TEXELS)
        return {"image": {"png": colour_png(drawn(voxels, place, texture, side, occluded))}}

    return work


def drawn(voxels: NDArray[np.bool_], camera: Camera, texture: NDArray[np.uint8], side: int, occluded: bool) -> NDArray[np.uint8]:
    """(side, side, 3). voxels: by z, y, x. texture: (TEXELS, TEXELS, 3)."""
    triangles = strips(voxels)
    if not len(triangles):
        return framed(np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.uint8), side)
    scene = EmbreeScene(DEVICE)
    mesh = TriangleMesh(scene, triangles.astype(np.float32))
    there = hit(scene, triangles, voxels, camera, side)
    if not occluded:
        picture = there.raster(texture)
    else:
        sky = openness(there.normals, hidden(scene, there, lowest(triangles)))
        picture = framed(there.places, lit(painted(texture, there.points, there.normals), there.normals, sky), side)
    del mesh  # the scene needs it until here
    return picture


def strips(voxels: NDArray[np.bool_]) -> Floats:
    """(m, 3, 3) triangles: the sides of full voxels that no other full one covers, as bodies.surface_of, but neighbours in a row as one:
    a quarter as many, and Embree takes most of its time to take them in."""
    side = voxels.shape[0]
    found = []
    for axis in range(3):  # of the array, by z, y, x
        last = next(k for k in (2, 1, 0) if k != axis)
        order = (axis, *(k for k in range(3) if k not in (axis, last)), last)
        full = np.pad(voxels.transpose(order), 1)
        inner = full[1:-1, 1:-1, :]
        for ahead in (0, 1):
            open_ = inner & ~full[2 * ahead : side + 2 * ahead, 1:-1, :]
            edge = np.diff(open_.astype(np.int8), axis=2)
            starts, ends = np.argwhere(edge > 0), np.argwhere(edge < 0)
            corners = np.empty((len(starts), 4, 3))
            corners[:, :, 0] = starts[:, :1] + ahead
            corners[:, :, 1] = starts[:, 1:2] + np.array([0, 1, 1, 0])
            corners[:, :, 2] = np.stack([starts[:, 2], starts[:, 2], ends[:, 2], ends[:, 2]], axis=1)
            places = np.empty_like(corners)
            places[:, :, [2 - k for k in order]] = corners
            found += [places[:, [0, 1, 2]], places[:, [0, 2, 3]]]
    triangles: Floats = np.concatenate(found) * (2.0 / side) - 1.0
    return triangles


def hit(scene: Any, triangles: Floats, voxels: NDArray[np.bool_], camera: Camera, side: int) -> Seen:
    """What the rays through the pixels' middles meet first."""
    right, up, back = camera.axes()
    axis = (np.arange(side) + 0.5) * (2.0 / side) - 1.0
    directions = (axis[None, :, None] * right - axis[:, None, None] * up - FOCAL * back).reshape(-1, 3).astype(np.float32)
    eye = (back * camera.distance).astype(np.float32)
    found = scene.run(np.broadcast_to(eye, directions.shape).copy(), directions, output=1)
    places = np.flatnonzero(found["primID"] >= 0)
    points = eye + directions[places].astype(np.float64) * found["tfar"][places][:, None]
    corners = triangles[found["primID"][places]]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    flat *= -np.sign((flat * directions[places]).sum(axis=1, keepdims=True))
    smooth = smooth_normals(voxels, points)
    known = (smooth**2).sum(axis=1, keepdims=True) > 0.5
    return Seen(side, places, points, np.where(known, smooth, flat))


def hidden(scene: Any, there: Seen, floor: float) -> Floats:
    """(k, DIRECTIONS) whether the body, within REACH, or the floor hides each direction of the sky that a surface faces."""
    places = there.points + LIFT * there.normals
    asked = facing(there.normals) > 0
    point, direction = np.nonzero(asked)
    origins = places[point].astype(np.float32)
    met = scene.run(origins, SKY[direction].astype(np.float32), dists=np.full(len(point), REACH, dtype=np.float32), query="OCCLUDED")
    covered = below(places, floor).astype(np.float64)
    covered[point, direction] = np.maximum(covered[point, direction], np.asarray(met) >= 0)
    return covered
