"""How often V17 calls an honest run contradictory. python tests/benchmarks/bench_false_alarms.py [runs]

Runs of the real executor in virtual time: five kinds of load, one generator and three with clocks that are known to 0.2 ms, with and
without failed calls. The records say what happened, so that the answer should be: never.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.plan import PlanLoad, PlanPoisson, PlanSessions, PlanTrace, PlanUsers
from aibenchrt.report.checks.consistency import consistency_checks
from executed_run import by_several_generators, executed
from shop_plan import shop_plan
from synthetic_run import Shape, write_run


def loads(seed: int) -> tuple[PlanLoad, ...]:
    return (
        PlanPoisson(rate=100.0, duration_s=5.0, warmup_s=1.0, seed=seed),
        PlanSessions(rate=100.0, think_s=0.5, duration_s=5.0, warmup_s=1.0, seed=seed),
        PlanTrace(trace="trace.txt", mean_rate=100.0, duration_s=5.0, warmup_s=1.0, seed=seed),
        PlanUsers(users=5, think_s=0.02, duration_s=4.0, warmup_s=0.5, seed=seed),
        PlanUsers(users=3, think_s=0.0, duration_s=4.0, warmup_s=0.5, seed=seed),
    )


def main(runs: int) -> None:
    trace = tuple(0.01 * n for n in range(2100))
    judged = requests = alarms = 0
    with tempfile.TemporaryDirectory() as folder:
        template = read_run(write_run(Path(folder) / "run", Shape(duration_s=5.0)))
        for seed in range((runs + 4) // 5):
            for load in loads(seed):
                failing, shards = (0.0, 0.02)[seed % 2], (1, 3)[seed // 2 % 2]
                run = executed(template, shop_plan(seed, load=load), seed, failing, trace, shards)
                if shards > 1:
                    run = by_several_generators(run, shards, 200_000, np.random.default_rng(seed))
                (made,) = consistency_checks(run)
                judged, requests, alarms = judged + 1, requests + len(run.requests), alarms + (not made.ok)
                if not made.ok:
                    sys.stdout.write(f"{load.arrival}, seed {seed}, {shards} generators: {made.observed}\n")
    sys.stdout.write(f"{alarms} of {judged} honest runs ({requests:,} requests) called contradictory\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
