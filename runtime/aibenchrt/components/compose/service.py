"""Compose: the overlay, made as large as the gift's box (aibenchrt/gifts.py), over the picture there; what is transparent stays so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from aibenchrt.datasets.colour_png import stored_png
from aibenchrt.gifts import gift_box
from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, reads and keeps nothing
    return composed


def composed(inputs: Values) -> Values:
    """OSError or ValueError: one of them is no picture, or too large a one, or the first has no room for a gift."""
    if "overlay" not in inputs:
        opened(inputs["image"]["png"]).load()
        return {"image": inputs["image"]}
    picture, overlay = opened(inputs["image"]["png"]), opened(inputs["overlay"]["png"], "RGBA")
    left, top, right, bottom = gift_box(picture.width, picture.height)
    if overlay.size != (right - left, bottom - top):
        overlay = overlay.resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    picture.paste(overlay, (left, top), overlay)
    return {"image": {"png": stored_png(np.asarray(picture, dtype=np.uint8))}}
