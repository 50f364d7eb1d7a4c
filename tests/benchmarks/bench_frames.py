"""How often the 95 % intervals of frames hold the truth: python tests/benchmarks/bench_frames.py [RUNS] [FRAMES]

Missed and dropped: shares of frames that are lost in bursts of a mean length (a chain of two states). Jitter: frames that arrive evenly at
one server with exponential service (D/M/1), whose waits depend on each other.
"""

from __future__ import annotations

import sys

import numpy as np
from aibenchrt.report.model import Estimate
from aibenchrt.report.statistics import Array, positive_mean, share


def bursts(rng: np.random.Generator, runs: int, frames: int, of: float, length: float) -> Array:
    """(runs, frames), 1: lost. of: the share that is lost; length: of a burst, on average."""
    ends = 1 / length
    begins = ends * of / (1 - of)
    lost = np.empty((runs, frames))
    state = rng.random(runs) < of
    for frame in range(frames):
        lost[:, frame] = state
        drawn = rng.random(runs)
        state = np.where(state, drawn >= ends, drawn < begins)
    return lost


def latencies(rng: np.random.Generator, runs: int, frames: int, utilisation: float) -> Array:
    """(runs, frames) of a D/M/1 queue, in mean service times, by Lindley's recursion, from its steady state on."""
    settle = 500
    times, wait = np.empty((runs, frames)), np.zeros(runs)
    for frame in range(-settle, frames):
        service = rng.exponential(size=runs)
        if frame >= 0:
            times[:, frame] = wait + service
        wait = np.maximum(0.0, wait + service - 1 / utilisation)
    return times


def held(estimates: list[Estimate | None], truth: float) -> str:
    known = [estimate for estimate in estimates if estimate is not None]
    covered = sum(estimate.low <= truth <= estimate.high for estimate in known) / len(known)
    width = float(np.median([estimate.high - estimate.low for estimate in known])) / truth
    return f"{100 * covered:5.1f} % held, median width {width:5.2f} of the truth"


def main() -> None:
    runs, frames = (int(text) for text in (sys.argv[1:] + ["1000", "6000"][len(sys.argv) - 1 :]))
    rng = np.random.default_rng(7)
    for of in (0.001, 0.01, 0.05):
        for length in (1.0, 5.0, 25.0):
            lost = bursts(rng, runs, frames, of, max(length, 1 / (1 - of)))
            sys.stdout.write(f"lost {of:.1%} in bursts of {length:3.0f}: {held([share(row) for row in lost], of)}\n")
    for utilisation in (0.3, 0.5, 0.8, 0.9):
        steps = np.abs(np.diff(latencies(rng, runs, frames, utilisation)))
        truth = float(np.abs(np.diff(latencies(rng, 200, 20_000, utilisation))).mean())
        sys.stdout.write(f"jitter at a utilisation of {utilisation}: {held([positive_mean(row) for row in steps], truth)}\n")


if __name__ == "__main__":
    main()
