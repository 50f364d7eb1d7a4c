"""Serves a captioner: from a picture of a thing to what is said of it, once to be shown and once to be worked on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.image_to_text.decoding import Array, greedy
from aibenchrt.components.image_to_text.template import caption
from aibenchrt.components.image_to_text.words import Vocabulary
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.values import Values, Work

SIDE = 64  # pixels


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    encoder, decoder, serving = open_session(folder, "see"), open_session(folder, "step"), read_metadata(folder)["serving"]
    vocabulary, longest = Vocabulary(serving["words"]), int(serving["longest"])

    def see(pixels: Array) -> tuple[Array, Array]:
        hidden, cell = encoder.run(["hidden", "cell"], {"pixels": pixels})
        return hidden, cell

    def step(word: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        scores, hidden, cell = decoder.run(["scores", "next_hidden", "next_cell"], {"word": word, "hidden": hidden, "cell": cell})
        return scores, hidden, cell

    def say(inputs: Values) -> Values:
        pixels = as_input(colour_pixels(inputs["image"]["png"], SIDE)[None])
        (numbers,) = greedy(see, step, pixels, longest)
        return _said(vocabulary.decode(numbers.tolist()))

    return say


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The caption that fits training pictures of the same colour best (template.py)."""
    captions = dict(read_metadata(folder)["serving"]["by_colour"])
    return lambda inputs: _said(caption(colour_pixels(inputs["image"]["png"], SIDE), captions))


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Words drawn from the vocabulary, as many as training captions have in the middle."""
    serving = read_metadata(folder)["serving"]
    words, usual = list(serving["words"]), int(serving["usual"])

    def guess(inputs: Values) -> Values:
        drawn = random_generator("image", inputs["image"]["png"]).integers(len(words), size=usual)
        return _said(" ".join(words[place] for place in drawn))

    return guess


def _said(text: str) -> Values:
    return {"caption": {"text": text}, "text": {"text": text}}


def as_input(pictures: NDArray[np.uint8]) -> NDArray[Any]:
    """(n, SIDE, SIDE, 3) → (n, 3, SIDE, SIDE) float32 in [0, 1]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
