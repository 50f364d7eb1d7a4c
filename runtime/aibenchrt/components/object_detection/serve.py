"""Serves an object detector: from a photo to the boxes of the things in it, and to a picture of the one that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aibenchrt.components.object_detection.finding import Choice, Found, found, named_in, read
from aibenchrt.components.object_detection.picture import Pixels, photo_of, planes, squared
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.furniture_pictures.photos import cut_out
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.values import Value, Values, Work

RANDOM_BOXES = 3


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    session, serving = open_session(folder), read_metadata(folder)["serving"]
    side, names = int(serving["side"]), [output.name for output in session.get_outputs()]

    def find(photo: Pixels) -> Found:
        square, scale = squared(photo, side)
        outputs = session.run(names, {"pixels": planes(square)[None]})
        seen = {name: output[0] for name, output in zip(names, outputs, strict=True)}
        return read(seen, side).within(photo.shape[1], photo.shape[0], scale)

    return _answering(find, Choice(**serving["choice"]), serving)


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Blobs that differ from the background."""
    from aibenchrt.components.object_detection.blobs import BlobRule, find_blobs  # imports scipy, which is not on every host

    serving = read_metadata(folder)["serving"]
    rule = BlobRule.of(serving["blobs"])
    return _answering(lambda photo: find_blobs(photo, rule), Choice(**serving["blob_choice"]), serving)


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Boxes drawn anywhere, of drawn nouns; one of them is wanted."""
    serving = read_metadata(folder)["serving"]
    cut, labels = int(serving["cut"]), len(serving["nouns"])

    def guess(inputs: Values) -> Values:
        photo = photo_of(inputs["image"]["png"])
        rng = random_generator("image", inputs["image"]["png"])
        places = np.sort(rng.random((RANDOM_BOXES, 2, 2)), axis=1).reshape(RANDOM_BOXES, 4)
        height, width = photo.shape[:2]
        boxes = found(places * (width, height, width, height), rng.integers(labels, size=RANDOM_BOXES), rng.uniform(0.1, 1, RANDOM_BOXES))
        drawn = boxes.within(width, height)
        return {"boxes": drawn.value(), "thing": _thing(photo, drawn, 0, cut)}

    return guess


def _answering(find: Callable[[Pixels], Found], choice: Choice, serving: Value) -> Work:
    nouns, cut = [str(noun) for noun in serving["nouns"]], int(serving["cut"])

    def detect(inputs: Values) -> Values:
        photo = photo_of(inputs["image"]["png"])
        boxes = find(photo)
        named = named_in(_words(inputs.get("query")), nouns)
        return {"boxes": boxes.value(), "thing": _thing(photo, boxes, choice.of(boxes, photo.shape[1], photo.shape[0], named), cut)}

    return detect


def _words(query: Value | None) -> Sequence[str]:
    """The query's words; what it excludes is not wanted."""
    terms = query["term"] if query is not None else ()
    return [word for term in terms if not term.startswith("-") for word in term.split()]


def _thing(photo: Pixels, boxes: Found, row: int | None, cut: int) -> dict[str, Any]:
    """The wanted box cut out as the world does it; the whole photo if nothing was found."""
    if row is None:
        corners = (0, 0, photo.shape[1], photo.shape[0])
    else:
        left, top, right, bottom = np.rint(boxes.corners[row]).astype(int).tolist()
        corners = (left, top, max(right, left + 1), max(bottom, top + 1))
    return {"png": colour_png(cut_out(photo, corners, 0.0, cut))}
