"""Serves an image generator: from a class and the seed of its noise to a picture; the same wish always gives the same picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.serve.models import Settings, open_session, read_metadata
from aibenchrt.values import Value, Values, Work

SIDE = 32  # pixels
STEPS = 1000  # of the diffusion that the full model was trained on
TAKEN = 20  # of them, evenly spaced, to make a picture


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted. The work raises ValueError for a class that the
    model does not know."""
    session, serving = open_session(folder), read_metadata(folder)["serving"]
    labels = int(serving["labels"])
    if "kept_share" in serving:
        kept = np.asarray(serving["kept_share"], dtype=np.float64)

        def diffused(inputs: Values) -> Values:
            label, rng = asked(inputs["wish"], labels)
            return shown(denoised(session, label, rng, kept))

        return diffused
    noise = int(serving["noise"])

    def generate(inputs: Values) -> Values:
        label, rng = asked(inputs["wish"], labels)
        ((pixels,),) = session.run(["pixels"], {"noise": rng.standard_normal((1, noise), dtype=np.float32), "label": np.array([label])})
        return shown(pixels)

    return generate


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """A training picture of the class, drawn at random: a shop's own photo in place of a generated one."""
    gallery, serving = open_session(folder, "gallery"), read_metadata(folder)["serving"]
    kept = [int(count) for count in serving["kept"]]  # pictures of each class

    def choose(inputs: Values) -> Values:
        label, rng = asked(inputs["wish"], len(kept))
        place = sum(kept[:label]) + int(rng.integers(kept[label]))
        ((pixels,),) = gallery.run(["pixels"], {"place": np.array([place])})
        return shown(pixels)

    return choose


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Each pixel's colour drawn at random."""
    labels = int(read_metadata(folder)["serving"]["labels"])
    return lambda inputs: shown(asked(inputs["wish"], labels)[1].random((3, SIDE, SIDE)))


def asked(wish: Value, labels: int) -> tuple[int, np.random.Generator]:
    """The class, and what draws its noise. ValueError: there is no such class."""
    label = int(wish["label"])
    if not 0 <= label < labels:
        raise ValueError(f"there is no class {label}; there are {labels}, from 0")
    return label, np.random.default_rng([label, int(wish["seed"]) % (1 << 64)])


def denoised(session: Any, label: int, rng: np.random.Generator, kept: NDArray[np.float64]) -> NDArray[Any]:
    """(3, SIDE, SIDE) in [0, 1], by TAKEN steps without further noise (Song et al. 2021, equation 12 with σ = 0).

    kept: (STEPS,) ᾱ. The picture that a step sees through the noise is held within its range, as Ho et al. 2020 do.
    """
    places = np.linspace(0, len(kept) - 1, TAKEN).round().astype(np.int64)[::-1]
    pixels = rng.standard_normal((1, 3, SIDE, SIDE), dtype=np.float32)
    for here, there in zip(places, [*places[1:], -1], strict=True):
        (noise,) = session.run(["noise"], {"pixels": pixels, "step": np.array([here]), "label": np.array([label])})
        seen = np.clip((pixels - np.sqrt(1 - kept[here]) * noise) / np.sqrt(kept[here]), -1, 1)
        left = kept[there] if there >= 0 else 1.0
        own = (pixels - np.sqrt(kept[here]) * seen) / np.sqrt(1 - kept[here])
        pixels = (np.sqrt(left) * seen + np.sqrt(1 - left) * own).astype(np.float32)
    out: NDArray[Any] = (pixels[0] + 1) / 2
    return out


def shown(pixels: NDArray[Any]) -> Values:
    """(3, SIDE, SIDE) in [0, 1] → an answer."""
    levels = np.clip(np.rint(pixels.transpose(1, 2, 0) * 255), 0, 255).astype(np.uint8)
    return {"image": {"png": colour_png(levels)}}
