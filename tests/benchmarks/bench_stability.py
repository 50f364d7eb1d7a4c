"""False alarms and power of V19 and V20, and what a stall of the generator does (V04), on simulated queues; seeded.

python tests/benchmarks/bench_stability.py [alarms|power|stalls]… [--runs N]   (N thousand runs a row; 10 by default)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.collect.records import RequestRecord
from aibenchrt.report.checks.lateness import held_back_ms, moved
from aibenchrt.report.checks.stability import Window, backlog, trend
from aibenchrt.report.validity import Limits
from queues import Array, Service, exponential, fifo, lognormal, mixture, queue

LIMITS = Limits()
AT_ONCE = 250
MS = 1e6
SERVICE_MS = 10.0


def alarms(arrivals: Array, times: Array, warmup: int) -> tuple[int, int]:
    """Runs that V19 and V20 call unstable. The window begins after `warmup` requests."""
    behind = drifting = 0
    for came, took in zip(arrivals, times, strict=True):
        window = Window(int(came[warmup] * MS), int(came[-1] * MS) + 1)
        seen = backlog((came * MS).astype(np.int64), ((came + took) * MS).astype(np.int64), window)
        behind += seen.after - seen.before > seen.allowed(LIMITS)
        drifting += len(came) - warmup >= LIMITS.drift_requests and trend(took[warmup:]).drifts(LIMITS)
    return behind, drifting


def records(intended: Array, sent: Array, took: Array) -> list[RequestRecord]:
    """Times in ms."""
    times = zip(
        (intended * MS).astype(int).tolist(), (sent * MS).astype(int).tolist(), ((sent + took) * MS).astype(int).tolist(), strict=True
    )
    return [RequestRecord(i, "all", "measured", 0, *row, "ok", "", (), (), "", 0, 0) for i, row in enumerate(times)]


def row(name: str, n: int, runs: int, counts: tuple[int, int]) -> None:
    judged = f"{counts[1] / runs:9.3%}" if n >= LIMITS.drift_requests else "not judged"
    sys.stdout.write(f"{name:44} {n:>6} {runs:>6} {counts[0] / runs:9.3%} {judged:>10}\n")
    sys.stdout.flush()


def false_alarms(thousands: float) -> None:
    kinds: tuple[tuple[str, Service, tuple[float, ...]], ...] = (
        ("M/M/1", exponential, (0.3, 0.5, 0.8, 0.9)),
        ("M/G/1, lognormal (cv 1.3)", lognormal, (0.5, 0.8)),
        ("M/G/1, 1 % takes 20 times as long", mixture, (0.3, 0.5, 0.8)),
    )
    for name, service, loads in kinds:
        for load in loads:
            for n in (300, 2500, 10000) if service is exponential else (2500,):
                rng, total, counts = np.random.default_rng(8), 0, np.zeros(2, dtype=int)
                while total < 1000 * thousands * min(1.0, 2500 / n):
                    arrivals, times = queue((AT_ONCE, n + 200), load, rng, service)
                    counts += alarms(arrivals * SERVICE_MS, times * SERVICE_MS, 200)
                    total += AT_ONCE
                row(f"{name}, utilisation {load:g}", n, total, (int(counts[0]), int(counts[1])))


def power(thousands: float) -> None:
    rng, runs = np.random.default_rng(9), int(100 * thousands)
    for offered, n in ((200.0, 300), (200.0, 2500), (120.0, 2500), (115.0, 20000)):
        warmup = int(5 * offered)
        arrivals = np.cumsum(rng.exponential(1000 / offered, (runs, n + warmup)), axis=1)
        times = fifo(arrivals, exponential(arrivals.shape, rng) * 1000 / 111)
        row(f"{offered:g}/s at a capacity of 111/s", n, runs, alarms(arrivals, times, warmup))
    for load, n in ((0.3, 2500), (0.5, 2500), (0.7, 2500), (0.8, 2500), (0.7, 10000), (0.8, 20000)):
        arrivals, times = queue((runs, n), load, rng)
        drifting = times * np.linspace(1, 4, n)
        row(f"latency drifts 1 to 4 times, utilisation {load:g}", n, runs, alarms(arrivals * SERVICE_MS, drifting * SERVICE_MS, 0))


def stalls(thousands: float) -> None:
    """A generator that stands still once, before a queue: the percentile with the same services and no stall against what V04 takes off."""
    sys.stdout.write("utilisation  requests  stall, ms      p   really moved   V04 says   found\n")
    for load, n, length, p in (
        (0.3, 20_000, 100, 99.9),
        (0.5, 20_000, 100, 99.9),
        (0.5, 20_000, 300, 99.9),
        (0.8, 20_000, 300, 99.9),
        (0.3, 2_500, 100, 99.0),
        (0.5, 2_500, 300, 99.0),
        (0.8, 2_500, 1000, 99.0),
        (0.5, 2_500, 300, 50.0),
    ):
        rng, really, says, found = np.random.default_rng(10), [], [], 0
        for _ in range(int(10 * thousands)):
            arrivals = np.cumsum(rng.exponential(SERVICE_MS / load, n))
            service = rng.exponential(SERVICE_MS, n)
            start = arrivals[n // 2]
            sent = np.where((arrivals >= start) & (arrivals < start + length), start + length, arrivals)
            on_time, took = (fifo(at[None], service[None])[0] for at in (arrivals, sent))
            done = sent + took
            done = np.where((done >= start) & (done < start + length), start + length, done)
            latency = done - arrivals
            held = held_back_ms(records(arrivals, sent, done - sent))
            value = float(np.percentile(latency, p))
            really.append(value / np.percentile(on_time, p) - 1)
            says.append(moved(latency, np.array([held[i] for i in range(n)]), p))
            found += says[-1] > max(LIMITS.lateness_share * value, LIMITS.lateness_floor_ms)
            says[-1] /= value - says[-1]
        sys.stdout.write(f"{load:11g} {n:9,} {length:10,} {p:6g} {np.mean(really):14.1%} {np.mean(says):10.1%} {found / len(says):7.0%}\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["alarms", "power", "stalls"])
    parser.add_argument("--runs", type=float, default=10.0)
    asked = parser.parse_args()
    if {"alarms", "power"} & set(asked.what):
        sys.stdout.write(f"{'queue':44} {'n':>6} {'runs':>6} {'V19':>9} {'V20':>10}\n")
    for name, bench in (("alarms", false_alarms), ("power", power), ("stalls", stalls)):
        if name in asked.what:
            bench(asked.runs)


if __name__ == "__main__":
    main()
