"""Packet loss: each frame of a group but the first, which is sent until it arrives, is a packet that may be lost, independently of others.

What is lost follows from the seed, the stream and the number of the group in it alone: every replica, and every repeat, loses the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibenchrt.values import Values, Work

MOST_FRAMES = 256  # of a group
_MASK = (1 << 63) - 1


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - reads and keeps nothing
    """ValueError: more than 100 percent."""
    chance, seed = int(settings["percent"]) / 100, int(settings["seed"])
    if not 0 <= chance <= 1:
        raise ValueError(f"a chance of {settings['percent']} percent is none")

    def work(inputs: Values) -> Values:
        """ValueError: there are no frames, or too many."""
        frames, moment = inputs["frames"], inputs["moment"]
        pngs, before = [bytes(png) for png in frames["png"]], [bool(lost) for lost in frames["lost"]]
        if not 0 < len(pngs) <= MOST_FRAMES or len(before) != len(pngs):
            raise ValueError(f"a group has 1 to {MOST_FRAMES} frames, and says of each whether it is lost")
        drawn = losses(len(pngs), chance, seed, int(moment["stream"]), int(moment["number"]))
        lost = [False, *(one or other for one, other in zip(before[1:], drawn[1:].tolist(), strict=True))]
        shown = [bytes(inputs["image"]["png"]), *(b"" if gone else png for png, gone in zip(pngs[1:], lost[1:], strict=True))]
        return {"frames": {"png": shown, "lost": lost}}

    return work


def losses(count: int, chance: float, seed: int, stream: int, number: int) -> NDArray[np.bool_]:
    """(count,), whether each frame of this group is lost; the first never is."""
    drawn = np.random.default_rng([seed, stream & _MASK, number & _MASK]).random(count) < chance
    drawn[0] = False
    return drawn
