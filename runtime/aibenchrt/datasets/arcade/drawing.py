"""Draws bodies by a z-buffer in numpy, in both looks: slow, and the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.arcade.bodies import hidden_at
from aibenchrt.datasets.looks import FOCAL, LIFT, Camera, Floats, below, framed, lit, openness, painted
from aibenchrt.datasets.rasteriser import across_sides, dot, foremost

Picture = NDArray[np.uint8]  # (side, side, 3)
Normals = Callable[[Floats], Floats]  # (k, 3) points → (k, 3) normals; 0 where it knows none


@dataclass(frozen=True, eq=False)
class Seen:
    """What a camera sees of a body. places: (k,) pixels, line by line; points, normals: (k, 3) of what is there, normals to the camera."""

    side: int
    places: NDArray[np.int64]
    points: Floats
    normals: Floats

    def raster(self, texture: Picture) -> Picture:
        colours = painted(texture, self.points, self.normals)
        return framed(self.places, lit(colours, self.normals), self.side)

    def occluded(self, texture: Picture, hidden: NDArray[np.bool_], floor: float) -> Picture:
        """hidden: of bodies.hidden_sky. floor: the height of what the body stands on."""
        colours = painted(texture, self.points, self.normals)
        places = self.points + LIFT * self.normals
        sky = openness(self.normals, np.maximum(hidden_at(hidden, places), below(places, floor)))
        return framed(self.places, lit(colours, self.normals, sky), self.side)


def seen(triangles: Floats, camera: Camera, side: int, smooth: Normals | None = None) -> Seen:
    """triangles: (m, 3, 3) in the cube. smooth: normals in place of the triangles' own."""
    axes = camera.axes()
    turned = np.stack([dot(triangles, axis) for axis in axes], axis=-1)
    nearness = 1.0 / (camera.distance - turned[..., 2])  # linear in the picture, as depth is not
    pixels = turned[..., :2] * nearness[..., None] * np.array([FOCAL, -FOCAL]) * (side / 2) + side / 2
    places, hit, weights, _ = foremost(pixels, nearness, side)
    weights = weights * nearness[hit]
    weights = weights / weights.sum(axis=1, keepdims=True)
    corners = triangles[hit]
    points = weights[:, :1] * corners[:, 0] + weights[:, 1:2] * corners[:, 1] + weights[:, 2:] * corners[:, 2]
    normals = across_sides(corners)
    normals = normals / np.maximum(np.sqrt(dot(normals, normals)), 1e-12)[:, None]
    away = dot(normals, axes[2] * camera.distance - points) < 0
    normals = np.where(away[:, None], -normals, normals)  # models order corners either way
    if smooth is not None:
        known = smooth(points)
        normals = np.where(dot(known, known)[:, None] > 0.5, known, normals)
    return Seen(side, places, points, normals)
