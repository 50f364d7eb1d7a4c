"""How often the intervals of the mean and of percentiles hold the truth. python tests/benchmarks/bench_coverage.py [runs]

Nominal 95 %, on an M/M/1 queue whose sojourn times are known exactly, and on independent values. Also which way they miss, and
the median ratio of the upper to the lower end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.report import statistics
from numpy.typing import NDArray
from test_statistics import mm1

Draw = Callable[[int, np.random.Generator], NDArray[np.float64]]


def queue(load: float) -> Draw:
    return lambda n, rng: mm1(n, load, rng)


def independent(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.exponential(1.0, n)


def coverage(draw: Draw, mean: float, p: float | None, n: int, runs: int) -> tuple[float, float, float, float]:
    """Shares of covered, of truths above and below the interval, and the median of high / low. Sojourn times are exponential.
    p None: the mean."""
    rng, true = np.random.default_rng(5), mean if p is None else -mean * float(np.log(1 - p / 100))
    drawn = (draw(n, rng) for _ in range(runs))
    made = (statistics.mean(values) if p is None else statistics.percentile(values, p) for values in drawn)
    estimates = [estimate for estimate in made if estimate is not None]
    above = sum(e.high < true for e in estimates) / len(estimates)
    below = sum(e.low > true for e in estimates) / len(estimates)
    return 1 - above - below, above, below, float(np.median([e.high / e.low for e in estimates]))


def main(runs: int) -> None:
    cases: tuple[tuple[str, Draw, float], ...] = (
        ("M/M/1, load 0.9", queue(0.9), 10.0),
        ("M/M/1, load 0.8", queue(0.8), 5.0),
        ("M/M/1, load 0.5", queue(0.5), 2.0),
        ("independent", independent, 1.0),
    )
    sys.stdout.write("values           n       p     covered  truth above  truth below  high/low\n")
    for name, draw, mean in cases:
        for p, n in ((None, 2400), (None, 20000), (50.0, 2400), (90.0, 2400), (99.0, 2400), (99.0, 20000)):
            covered, above, below, width = coverage(draw, mean, p, n, runs)
            figure = "mean" if p is None else f"p{p:g}"
            sys.stdout.write(f"{name:16} {n:<7} {figure:<5} {covered:7.1%} {above:12.1%} {below:12.1%} {width:9.2f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
