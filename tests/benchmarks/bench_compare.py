"""How often `aibenchc compare` sees a difference where there is none, and one that was planted.

python tests/benchmarks/bench_compare.py [pairs]. Simulated deployments: 2,500 requests of an M/M/1 queue at utilisation 0.5 each, all of
whose latencies are longer or shorter by chance (lognormal, the standard deviation is given). Two groups of `repeats` deployments, the
second the same or with all latencies 20 % longer. Shown: pairs in which any latency figure is said to differ, and those in which each
figure is; then the gate's statuses of the mean with a margin of 5 %.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.report.compare.differences import difference, holm
from aibenchrt.report.compare.make import LEVELS
from aibenchrt.report.verdict import Band, judge
from numpy.typing import NDArray
from queues import queue

FIGURES = ("mean", "p50", "p90", "p99")
REQUESTS = 2500
LOAD = 0.5
MARGIN = 0.05


def deployments(repeats: int, slower: float, spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Logarithms of the figures, one row a deployment."""
    rows = []
    for _ in range(repeats):
        values = slower * np.exp(spread * rng.standard_normal()) * queue((1, REQUESTS), LOAD, rng)[1][0]
        rows.append([values.mean(), *np.quantile(values, (0.5, 0.9, 0.99))])
    return np.log(rows)


def row(repeats: int, slower: float, spread: float, pairs: int) -> str:
    rng = np.random.default_rng(17)
    seen, statuses = Counter[str](), Counter[str]()
    for _ in range(pairs):
        base, other = deployments(repeats, 1.0, spread, rng), deployments(repeats, slower, spread, rng)
        tested = holm([difference(base[:, i], other[:, i]) for i in range(len(FIGURES))], LEVELS["latency"])
        found = [name for name, result in zip(FIGURES, tested, strict=True) if result.seen]
        seen.update([*found, *(["any"] if found else [])])
        statuses[judge(float(np.expm1(tested[0].low)), float(np.expm1(tested[0].high)), Band(-np.inf, MARGIN))] += 1
    shares = " ".join(f"{seen[name] / pairs:6.1%}" for name in ("any", *FIGURES))
    gate = " ".join(f"{statuses[status] / pairs:6.1%}" for status in ("PASS", "INCONCLUSIVE", "FAIL"))
    return f"{repeats:7} {slower:6.2f} {spread:7.0%} {shares}   {gate}\n"


def main(pairs: int) -> None:
    sys.stdout.write("repeats slower  spread    any   mean    p50    p90    p99   PASS  INCON.  FAIL\n")
    for slower in (1.0, 1.2):
        for spread in (0.01, 0.03):
            for repeats in (3, 5, 10):
                sys.stdout.write(row(repeats, slower, spread, pairs))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
