"""Serves an image classifier: from a PNG to all labels with their probabilities, most probable first."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from aibenchrt.serve.models import Settings, label_prior, most_probable_first, open_session, random_labels, read_metadata, softmax
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    session, serving = open_session(folder), read_metadata(folder)["serving"]
    return _classifying(session, serving)


def _classifying(session: InferenceSession, serving: Mapping[str, Any]) -> Work:
    mean, deviation, pixels = float(serving["mean"]), float(serving["deviation"]), int(serving["pixels"])
    read = colour_planes if serving.get("channels", 1) == 3 else _grey_plane

    def classify(inputs: Values) -> Values:
        image = (read(inputs["image"]["png"], pixels) - mean) / deviation
        (logits,) = session.run(["logits"], {"pixels": image[None]})
        return {"category": most_probable_first(softmax(logits[0]))}

    return classify


def _grey_plane(png: bytes, pixels: int) -> NDArray[np.float32]:
    return grey_pixels(png, pixels)[None]


def colour_planes(png: bytes, pixels: int) -> NDArray[np.float32]:
    """(3, pixels, pixels) float32 in [0, 1], red, green and blue. Raises as `colour_pixels`."""
    return np.ascontiguousarray(colour_pixels(png, pixels).transpose(2, 0, 1), dtype=np.float32) / np.float32(255)


def grey_pixels(png: bytes, pixels: int) -> NDArray[np.float32]:
    """(pixels, pixels) float32 in [0, 1]; pictures of other sizes are resampled. PIL.UnidentifiedImageError or OSError: not a picture."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        grey = image.convert("L")
    if grey.size != (pixels, pixels):
        grey = grey.resize((pixels, pixels), Image.Resampling.BILINEAR)
    return np.asarray(grey, dtype=np.float32) / np.float32(255)


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Of grey photos the majority baseline: the label frequencies of the training requests, whatever the photo; of photos in colour a
    logistic regression on their pixels."""
    metadata = read_metadata(folder)
    if "baseline.onnx" in metadata["files"]:
        return _classifying(open_session(folder, "baseline"), metadata["serving"])
    return label_prior(folder)


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    return random_labels(folder, "image", "png")
