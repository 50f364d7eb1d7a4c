"""How often a reference of several deployments FAILs an unchanged system, and how often it finds a slower one.

python tests/benchmarks/bench_reference.py [pairs]. Deployments simulated as in bench_compare.py: requests of an M/M/1 queue, all of whose
latencies are longer or shorter by chance (lognormal, the standard deviation is given). A reference of `recorded` deployments, margin 10 %,
judges `judged` further ones, of the same system or of one all of whose latencies are 20 % longer. Shown: pairs in which any figure FAILs,
and of each figure how often it FAILs and PASSes.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.report.reference import MARGIN
from aibenchrt.report.reference_rule import Sides, decide
from numpy.typing import NDArray
from queues import queue

FIGURES = ("mean", "p50", "p90", "p99")
SYSTEMS = ((0.5, 2500), (0.3, 2500), (0.5, 20_000))  # utilisation, requests
SIDES = ((5, 5), (5, 1), (5, 3), (10, 5), (10, 10))  # deployments recorded, judged
SPREADS = (0.01, 0.03)


def deployments(count: int, load: float, requests: int, slower: float, spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Logarithms of the figures, one row a deployment."""
    rows = []
    for start in range(0, count, 200):  # in blocks, to bound memory
        block = min(200, count - start)
        values = slower * np.exp(spread * rng.standard_normal((block, 1))) * queue((block, requests), load, rng)[1]
        rows.append(np.column_stack([values.mean(axis=1), *np.quantile(values, (0.5, 0.9, 0.99), axis=1)]))
    return np.log(np.concatenate(rows))


def row(recorded: NDArray[np.float64], judged: NDArray[np.float64]) -> str:
    """recorded, judged: (pairs, deployments, figures)."""
    fails, passes = Counter[str](), Counter[str]()
    for x, y in zip(recorded, judged, strict=True):
        decisions = decide([Sides(x[:, i], y[:, i], MARGIN, latency=True) for i in range(len(FIGURES))])
        statuses = {name: decision.status for name, decision in zip(FIGURES, decisions, strict=True)}
        fails.update(name for name, status in statuses.items() if status == "FAIL")
        fails.update(["any"] if "FAIL" in statuses.values() else [])
        passes.update(name for name, status in statuses.items() if status == "PASS")
    shown = (
        " ".join(f"{seen[name] / len(judged):6.1%}" for name in names) for names, seen in ((("any", *FIGURES), fails), (FIGURES, passes))
    )
    return "   ".join(shown)


def main(pairs: int) -> None:
    names = " ".join(f"{name:>6}" for name in FIGURES)
    sys.stdout.write(f"load requests recorded judged spread slower   FAIL: any {names}   PASS: {names}\n")
    for load, requests in SYSTEMS:
        for spread in SPREADS:
            for most, sizes in ((5, SIDES[:3]), (10, SIDES[3:])):
                rng = np.random.default_rng(23)
                recorded = deployments(most * pairs, load, requests, 1.0, spread, rng).reshape(pairs, most, len(FIGURES))
                for slower in (1.0, 1.2):
                    other = deployments(most * pairs, load, requests, slower, spread, rng).reshape(pairs, most, len(FIGURES))
                    for _, judged in sizes:
                        head = f"{load:4} {requests:8,} {most:8} {judged:6} {spread:6.0%} {slower:6.2f}"
                        sys.stdout.write(f"{head}      {row(recorded, other[:, :judged])}\n")
                        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
