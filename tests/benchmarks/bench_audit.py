"""python tests/benchmarks/bench_audit.py [AUDITS]: how often an audit calls repeats much faster, by how much faster they are.

Simulated: per payload a lognormal first time and two lognormal repeats (the spread of one request's latency is given), as many payloads as
an audit of one class asks, at the level that one class and six components share.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
from aibenchrt.experiments.audit.judging import MUCH_FASTER, rated
from aibenchrt.experiments.audit.rows import PAYLOADS, TIMES

LEVEL = 0.05 / 7
SPREADS = (0.2, 0.5, 0.8)  # standard deviation of the log of a latency
FASTER = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1)


def main(audits: int) -> None:
    sys.stdout.write("repeat/first " + "".join(f"{f'spread {spread:g}':>26}" for spread in SPREADS) + "\n")
    for faster in FASTER:
        cells = []
        for spread in SPREADS:
            rng = np.random.default_rng([int(100 * faster), int(10 * spread)])
            seen: Counter[str] = Counter()
            for _ in range(audits):
                times = rng.normal(0.0, spread, (PAYLOADS, TIMES))
                logs = times[:, 1:].mean(axis=1) + np.log(faster) - times[:, 0]
                seen[rated("class", "text", logs.tolist(), 0, MUCH_FASTER, None, LEVEL).status] += 1
            cells.append(f"{100 * seen['PASS'] / audits:7.1f} / {100 * seen['FAIL'] / audits:5.1f} % P/F")
        sys.stdout.write(f"{faster:12g} " + "".join(f"{cell:>26}" for cell in cells) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
