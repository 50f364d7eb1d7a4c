"""How often the 95 % intervals of a report hold the truth. python tests/benchmarks/bench_coverage.py [runs]

Simulated queues, with one server and exponential, lognormal and mixed service (one request of a hundred takes twenty times as long); the
truth is exact for M/M/1 and otherwise from 20 million requests. Mean and percentiles of one queue; the ratio of the whole path's percentile
to a component's, and the component's share of time, of two queues in a row; quality of users of whom a few ask most. `5 × n`: Student's t
over five deployments, as `compare` has it. Each row: % covered (% of truths above the interval, % below), and in how many % of the runs an
interval was made wider: because a few episodes of slow requests decide the figure, or because there are few requests near it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.report import statistics
from queues import Array, Service, exponential, fifo, lognormal, mixture, queue
from scipy import stats

SERVICES: Mapping[str, Service] = {"M/M/1": exponential, "lognormal": lognormal, "99:1": mixture}
LOADS = (0.3, 0.5, 0.8, 0.9)
PERCENTILES = (50.0, 90.0, 99.0)
LONG = (20, 1_000_000)


class Interval(NamedTuple):
    low: float
    high: float
    wider: bool = False


def percentiles(times: Array) -> dict[str, float]:
    values = np.quantile(times, [p / 100 for p in PERCENTILES]).tolist()
    return {"mean": float(times.mean())} | {f"p{p:g}": value for p, value in zip(PERCENTILES, values, strict=True)}


def truth_of_queue(service: Service, load: float, rng: np.random.Generator) -> dict[str, float]:
    if service is exponential:  # sojourn times are exponential
        return {"mean": 1 / (1 - load)} | {f"p{p:g}": -float(np.log(1 - p / 100)) / (1 - load) for p in PERCENTILES}
    return percentiles(queue(LONG, load, rng, service)[1])


def of_queue(times: Array) -> Iterator[tuple[str, Interval]]:
    for name, made in (("mean", statistics.mean(times)), *((f"p{p:g}", statistics.percentile(times, p)) for p in PERCENTILES)):
        if made is not None:
            yield name, Interval(made.low, made.high, "stretched" in made.method)


def over_deployments(runs: Array) -> Iterator[tuple[str, Interval]]:
    """runs: deployments × requests."""
    figures = [percentiles(run) for run in runs]
    t = float(stats.t.ppf(0.975, len(runs) - 1))
    for name in figures[0]:
        logs = np.log([figure[name] for figure in figures])
        half = t * logs.std(ddof=1) / np.sqrt(len(logs))
        yield name, Interval(float(np.exp(logs.mean() - half)), float(np.exp(logs.mean() + half)))


def two_in_a_row(shape: tuple[int, int], load: float, rng: np.random.Generator, service: Service) -> Array:
    """Runs × requests × (whole path, first queue, second queue), which has 0.6 of the first one's load and exponential service."""
    arrivals, first = queue(shape, load, rng, service)
    second = fifo(arrivals + first, rng.exponential(0.6, shape))
    return np.stack([first + second, first, second], axis=2)


def of_path(table: Array) -> Iterator[tuple[str, Interval]]:
    for p in PERCENTILES:
        if (made := statistics.ratio(table, p)) is not None:
            yield f"ratio p{p:g}", Interval(made.low, made.high, "stretched" in made.method)
    for column, name in ((0, "share"), (1, "other share")):
        share = statistics.fraction(table[:, 1:], column)
        yield name, Interval(share.low, share.high)


def truth_of_path(load: float, rng: np.random.Generator, service: Service) -> dict[str, float]:
    table = two_in_a_row(LONG, load, rng, service).reshape(-1, 3)
    share = float(table[:, 1].sum() / table[:, 0].sum())
    over, under = (np.quantile(table[:, column], [p / 100 for p in PERCENTILES]).tolist() for column in (0, 1))
    ratios = {f"ratio p{p:g}": whole / part for p, whole, part in zip(PERCENTILES, over, under, strict=True)}
    return ratios | {"share": share, "other share": 1 - share}


def answered(users: int, rng: np.random.Generator) -> tuple[Array, list[int]]:
    """Scores between 0 and 1, and their users: most ask a few times, some a hundred times, and some are answered better than others."""
    often = np.minimum(rng.geometric(1 / 3, users) + (rng.random(users) < 0.15) * rng.geometric(1 / 25, users), 150)
    well = rng.beta(1.2, 4, users) * (1 - 0.3 * (often < 3))
    who = np.repeat(np.arange(users), often)
    return rng.beta(np.maximum(2 * well[who], 1e-3), 2 - 2 * well[who]), who.tolist()


def counted(truth: Mapping[str, float], drawn: Iterable[Iterable[tuple[str, Interval]]]) -> Iterator[tuple[str, str]]:
    above, below, wider, made = (dict.fromkeys(truth, 0) for _ in range(4))
    for intervals in drawn:
        for name, interval in intervals:
            above[name] += interval.high < truth[name]
            below[name] += interval.low > truth[name]
            wider[name] += interval.wider
            made[name] += 1
    for name, n in made.items():
        covered = 100 * (1 - (above[name] + below[name]) / n) if n else float("nan")
        few = f" wider {100 * wider[name] / n:.0f}" if wider[name] else ""
        yield name, f"{covered:.0f} ({100 * above[name] / n:.0f}, {100 * below[name] / n:.0f}){few}" if n else "not shown"


def row(title: str, figures: Iterator[tuple[str, str]]) -> None:
    sys.stdout.write(f"{title:28}" + "  ".join(f"{name} {seen}" for name, seen in figures) + "\n")
    sys.stdout.flush()


def queues(runs: int, name: str, load: float) -> None:
    service = SERVICES[name]
    truth, path = truth_of_queue(service, load, np.random.default_rng(1)), truth_of_path(load, np.random.default_rng(1), service)
    rng = np.random.default_rng(5)
    for n in (2400, 20000):
        shape = (1, n)
        row(f"{name} {load} n {n}", counted(truth, (of_queue(queue(shape, load, rng, service)[1][0]) for _ in range(runs))))
        path_rows = (of_path(two_in_a_row(shape, load, rng, service)[0]) for _ in range(runs))
        row(f"{name} {load} n {n} path", counted(path, path_rows))
    row(f"{name} {load} n 5 × 2400", counted(truth, (over_deployments(queue((5, 2400), load, rng, service)[1]) for _ in range(runs))))


def of_users(runs: int, users: int) -> None:
    """Whole users drawn, and for comparison single requests as if they were independent."""
    rng = np.random.default_rng(5)
    truth = float(answered(2_000_000, np.random.default_rng(1))[0].mean())

    def drawn() -> Iterator[tuple[str, Interval]]:
        scores, who = answered(users, rng)
        for name, clusters in (("users", who), ("requests", list(range(len(who))))):
            made = statistics.cluster_bootstrap(scores, clusters, rng)
            yield name, Interval(made.low, made.high)

    row(f"quality of {users} users", counted({"users": truth, "requests": truth}, (drawn() for _ in range(runs))))


def main(runs: int) -> None:
    for name in SERVICES:
        for load in LOADS:
            queues(runs, name, load)
    for users in (20, 50, 100, 326, 1000):
        of_users(runs, users)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
