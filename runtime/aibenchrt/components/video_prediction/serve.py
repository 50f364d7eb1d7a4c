"""Serves a video prediction: the frames of a group, and what the network predicts where one is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work

Pixels = NDArray[np.uint8]  # (height, width, 3)
Predict = Callable[[Sequence[Pixels], int], Sequence[Pixels]]  # frames so far, oldest first; how many are wanted → at least one
MOST_FRAMES = 256  # of a group


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    session, serving = open_session(folder), read_metadata(folder)["serving"]
    count, stride = int(serving["frames"]), int(serving["stride"])

    def predict(before: Sequence[Pixels], wanted: int) -> Sequence[Pixels]:  # noqa: ARG001 - it always gives as many
        (drawn,) = session.run(["next"], {"frames": as_input(window(before, count), stride)})
        return as_pictures(drawn[0], *before[-1].shape[:2])

    return concealing(predict)


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The last frame again."""
    return concealing(lambda before, wanted: [before[-1]] * wanted)


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Noise."""

    def guess(before: Sequence[Pixels], wanted: int) -> Sequence[Pixels]:
        rng = random_generator("frames", before[-1].tobytes())
        return [rng.integers(0, 256, before[-1].shape, dtype=np.uint8) for _ in range(wanted)]

    return concealing(guess)


def concealing(predict: Predict) -> Work:
    """What puts predicted frames in the place of lost ones; `lost` goes on saying which these are."""

    def conceal(inputs: Values) -> Values:
        """OSError or ValueError: a frame is no picture or of another size, there are too many, or none arrived before a lost one."""
        pngs, lost = [bytes(png) for png in inputs["frames"]["png"]], [bool(gone) for gone in inputs["frames"]["lost"]]
        if len(pngs) > MOST_FRAMES or len(pngs) != len(lost):
            raise ValueError(f"a group has at most {MOST_FRAMES} frames, and says of each whether it is lost")
        if any(lost):
            if lost[0]:
                raise ValueError("the first frame is lost: there is nothing to predict from")
            for place, picture in concealed(pngs, lost, predict).items():
                pngs[place] = colour_png(picture)
        return {"frames": {"png": pngs, "lost": lost}}

    return conceal


def concealed(pngs: Sequence[bytes], lost: Sequence[bool], predict: Predict) -> dict[int, Pixels]:
    """Place → what is shown there, of the lost frames. Frames behind the last lost one are not read."""
    last = max(place for place, gone in enumerate(lost) if gone)
    shown: list[Pixels] = []
    drawn: dict[int, Pixels] = {}
    while len(shown) <= last:
        place = len(shown)
        if not lost[place]:
            shown.append(np.asarray(opened(pngs[place]), dtype=np.uint8))
            if shown[-1].shape != shown[0].shape:
                raise ValueError("the frames of a group are not of one size")
            continue
        wanted = next((k for k in range(place, len(lost)) if not lost[k]), len(lost)) - place
        for picture in predict(shown, wanted)[:wanted]:
            drawn[len(shown)] = picture
            shown.append(picture)
    return drawn


def window(before: Sequence[Pixels], count: int) -> list[Pixels]:
    """The last `count` frames; of fewer, the first stands in for those before it."""
    return [before[0]] * (count - len(before)) + list(before[-count:])


def as_input(frames: Sequence[Pixels], stride: int) -> NDArray[Any]:
    """→ (1, frames, 3, height, width) float32 in [0, 1], with the last row and column repeated to multiples of the stride."""
    pictures = np.stack(frames)
    height, width = pictures.shape[1:3]
    padded = np.pad(pictures, ((0, 0), (0, -height % stride), (0, -width % stride), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(0, 3, 1, 2)[None], dtype=np.float32) / np.float32(255)


def as_pictures(drawn: NDArray[Any], height: int, width: int) -> list[Pixels]:
    """(frames, 3, …, …) → pictures of that size."""
    levels = np.rint(np.clip(drawn[:, :, :height, :width], 0, 1) * 255).astype(np.uint8)
    return [np.ascontiguousarray(level.transpose(1, 2, 0)) for level in levels]
