"""How often V21 and V22 call an honest run INVALID, and what they find. python tests/benchmarks/bench_answer_checks.py [runs]

A run of the undistilled e-commerce search is drawn as counts: classes and a rare draw exactly as the plan says; the cache, the tiers and
an experiment whose arm belongs to the user, whose true shares are off as in real runs. The arms of users are drawn for 326 users, some of
whom ask ten times as often as others, so that requests are not independent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from aibenchrt.report.checks.answers import Share, roughly
from aibenchrt.report.validity import Limits

LIMITS = Limits()
USERS = 326


@dataclass(frozen=True)
class Truth:
    """True shares. hit: of the cache; good, bad: of the second and third tier; image: of the class; empty: of the answers to text."""

    hit: float = 0.135
    good: float = 0.67
    bad: float = 0.054
    image: float = 0.01
    empty: float = 0.002


def shares(truth: Truth, n: int, rng: np.random.Generator) -> tuple[list[Share], list[Share]]:
    """(answers that hold nothing, shares of classes and arms) of one run of n requests."""
    classes = rng.multinomial(n, [1 - 0.001 - truth.image, 0.001, truth.image])
    expected = (0.989, 0.001, 0.01)
    searches = n - int(classes[2])
    ways = [Share(name, int(k), n, p, 0.0) for name, k, p in zip(("text", "voice", "image"), classes, expected, strict=True)]
    ways.append(Share("rewrite", int(rng.binomial(searches, 0.003)), searches, 0.003, LIMITS.error_share))
    hits = int(rng.binomial(searches, truth.hit))
    rest = n - hits
    activity = rng.lognormal(0.0, 1.0, USERS)
    treated = rng.random(USERS) < 0.5
    asked = rng.multinomial(rest, activity / activity.sum())
    found = (
        ("hit", hits, searches, 0.15),
        ("good", int(rng.binomial(rest, truth.good)), rest, 0.67),
        ("bad", int(rng.binomial(rest, truth.bad)), rest, 0.06),
        ("treated", int(asked[treated].sum()), rest, 0.50),
    )
    ways += [roughly(name, k, of, p, LIMITS) for name, k, of, p in found]
    text = int(classes[0])
    return [Share("text", int(rng.binomial(text, truth.empty)), text, LIMITS.empty_share, 0.0)], ways


def found(rows: list[Share], above: bool) -> bool:
    return any(row.p < LIMITS.shares_p / len(rows) and (not above or row.hits > row.expected * row.n) for row in rows)


def rates(truth: Truth, n: int, runs: int) -> tuple[float, float]:
    rng = np.random.default_rng(11)
    made = [shares(truth, n, rng) for _ in range(runs)]
    return sum(found(empty, True) for empty, _ in made) / runs, sum(found(ways, False) for _, ways in made) / runs


def main(runs: int) -> None:
    change: Callable[..., Truth] = lambda **values: replace(Truth(), **values)  # noqa: E731
    cases = (
        ("honest", Truth()),
        ("cache hits 18 % for 15 %", change(hit=0.18)),
        ("cache hits 30 % for 15 %", change(hit=0.30)),
        ("cache hits 90 % for 15 %", change(hit=0.90)),
        ("third tier 12 % for 6 %", change(bad=0.12)),
        ("images 2 % for 1 %", change(image=0.02)),
        ("4 % of answers empty", change(empty=0.04)),
        ("8 % of answers empty", change(empty=0.08)),
        ("all answers empty", change(empty=1.0)),
    )
    sys.stdout.write(f"{'INVALID of ' + format(runs, ',') + ' runs':28} requests     V21     V22\n")
    for name, truth in cases:
        for n in (500, 2519, 20000):
            v21, v22 = rates(truth, n, runs)
            sys.stdout.write(f"{name:28} {n:8,} {v21:7.2%} {v22:7.2%}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10000)
