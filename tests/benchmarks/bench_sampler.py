"""What sampling the machine and the processes costs during a load. python tests/benchmarks/bench_sampler.py [quadruples] [seconds] [spec]

One deployment of e-commerce search on this machine (synthetic data, tiny models, real Triton) through Unix sockets, as a local run has it.
A process of its own asks one request after the other, in blocks of `seconds`: without the sampler of a run, with it, with it, without it,
and again, so that what drifts meets both. The sampler runs in the process that started the deployment, as in `aibenchc run`.

Shown: CPU that the process with the sampler takes, as a share of one core, with the sampler and without; what one reading of the machine's
counters takes; and the ratio of the latencies with it to those without, with its 95 % interval (Student's t over the quadruples). The
samples say how much of the machine others took meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.collect.machine_counters import others_share, read_machine
from aibenchrt.control.local.resources import PERIOD_S, Sampler
from aibenchrt.wire.proto import load_stubs
from aibenchrt.wire.tls import Sockets, open_channel
from bench_tls import deployment
from paths import ROOT
from replicas import Client, Parts
from scipy import stats

FIRST_PORT = 20_000  # numbers the sockets
WARM = 200  # requests
ORDER = (False, True, True, False)
FIGURES = ("mean", "p50", "p90", "p99")
ASK = "--ask"


def ask(generated: Path, endpoint: str, sockets: Path) -> None:
    """For each line of stdin, a number of seconds, the latencies of so long a block as a line of JSON."""
    with open_channel(endpoint, Sockets(sockets), "planner") as channel:
        client = Client(load_stubs(generated), channel)
        for text in sys.stdin:
            end, taken = time.monotonic() + float(text), []
            while time.monotonic() < end:
                said, took = client.ask()
                assert not said, said
                taken.append(1e3 * took)
            sys.stdout.write(json.dumps(taken) + "\n")
            sys.stdout.flush()


def asked(asker: subprocess.Popen[str], seconds: float) -> list[float]:
    assert asker.stdin
    assert asker.stdout
    asker.stdin.write(f"{seconds}\n")
    asker.stdin.flush()
    latencies: list[float] = json.loads(asker.stdout.readline())
    return latencies


def figures(latencies: list[float]) -> list[float]:
    return [float(np.mean(latencies)), *map(float, np.quantile(latencies, (0.5, 0.9, 0.99)))]


def measure(parts: Parts, quadruples: int, seconds: float) -> dict[str, Any]:
    """Rows of logarithms of the figures: quadruple, place in ORDER, figure."""
    assert parts.sockets
    command = [sys.executable, __file__, ASK, str(parts.generated), parts.endpoint("planner"), str(parts.sockets)]
    cpu: dict[bool, list[float]] = {False: [], True: []}
    disturbed, requests, rows = [], 0, []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asker:
        while requests < WARM:
            requests += len(asked(asker, seconds))
        for _ in range(quadruples):
            row = []
            for sampled in ORDER:
                sampler = Sampler(lambda: list(parts.processes.children), "here")
                with sampler if sampled else contextlib.nullcontext():
                    began, spent = time.monotonic(), time.process_time()
                    row.append(figures(asked(asker, seconds)))
                    cpu[sampled].append((time.process_time() - spent) / (time.monotonic() - began))
                disturbed += [others_share(sampler.machine)] if sampler.machine else []
            rows.append(row)
        assert asker.stdin
        asker.stdin.close()
    return {"logs": np.log(rows), "cpu": cpu, "disturbed": disturbed, "processes": len(parts.processes.children)}


def shown(made: dict[str, Any], seconds: float) -> str:
    logs, order = made["logs"], np.array(ORDER)
    gains = logs[:, order].mean(axis=1) - logs[:, ~order].mean(axis=1)  # (quadruples, figures)
    half = stats.t.ppf(0.975, len(gains) - 1) * gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    began = time.process_time()
    for _ in range(1000):
        read_machine()
    reading_us = 1e3 * (time.process_time() - began)
    lines = [
        f"{len(gains)} quadruples of blocks of {seconds:g} s, {made['processes']} processes and theirs, sampled every {PERIOD_S:g} s",
        f"CPU of the process that samples: {np.mean(made['cpu'][True]):.2%} of a core, without sampling {np.mean(made['cpu'][False]):.2%}; "
        f"reading the machine's counters: {reading_us:.0f} µs",
        f"others took {np.mean(made['disturbed']):.1%} of the machine, {np.max(made['disturbed']):.1%} in the worst block",
    ]
    for index, name in enumerate(FIGURES):
        middle, low, high = (np.exp(gains[:, index].mean() + side * half[index]) for side in (0, -1, 1))
        value = np.exp(logs[:, ~order, index].mean())
        lines.append(f"{name:4} without {value:6.2f} ms, with / without {middle:.3f} ({low:.3f}–{high:.3f})")
    return "\n".join(lines) + "\n"


def main(quadruples: int, seconds: float, spec: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch, deployment(Path(scratch), FIRST_PORT, "sockets", spec) as parts:
        made = measure(parts, quadruples, seconds)
    sys.stdout.write(shown(made, seconds))


if __name__ == "__main__":
    words = sys.argv[1:]
    if words and words[0] == ASK:
        ask(Path(words[1]), words[2], Path(words[3]))
    else:
        given = dict(enumerate(words))
        main(int(given.get(0, "20")), float(given.get(1, "5")), Path(given.get(2, ROOT / "specs" / "ecommerce.aib")))
