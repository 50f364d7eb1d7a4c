"""How many exactly packed deployments the search by hand and CP-SAT place, and what they cost in CPU seconds.

python tests/benchmarks/bench_placement.py [--cases N] [--budget DETERMINISTIC_S] [HOSTSxPARTS …]

A case is `packed` of tests/support/placements.py: its parts fill the memory and the cores of all hosts to the last unit. With --slack
every host has that much more of both, in percent.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from aibenchc.placement import exact
from aibenchc.placement.demands import Item, Rules, items_of
from aibenchc.placement.hand_search import Stuck, search
from aibenchc.placement.inventory import Inventory
from placements import packed


def case(seed: int, hosts: int, parts: int, slack: float) -> tuple[list[Item], Inventory]:
    needs, inventory = packed(random.Random(seed), hosts, parts)
    more = 1 + slack / 100
    roomier = tuple(
        replace(host, memory_mib=int((host.memory_mib or 0) * more), cores=round((host.cores or 0) * more, 3)) for host in inventory.hosts
    )
    inventory = Inventory(roomier)
    return list(items_of(needs, inventory, Rules(), {})), inventory


def row(hosts: int, parts: int, slack: float, cases: int) -> str:
    placed = {"hand": 0, "CP-SAT": 0}
    seconds: dict[str, list[float]] = {"hand": [], "CP-SAT": []}
    for seed in range(cases):
        items, inventory = case(seed, hosts, parts, slack)
        begun = time.process_time()
        placed["hand"] += not isinstance(search(items, inventory, Rules(), alone=False), Stuck)
        seconds["hand"].append(time.process_time() - begun)
        begun = time.process_time()
        placed["CP-SAT"] += isinstance(exact.solve(items, inventory.hosts, Rules(), alone=False), tuple)
        seconds["CP-SAT"].append(time.process_time() - begun)
    shown = (
        f"{name} {placed[name]}/{cases} placed, {statistics.median(seconds[name]):.2f} s median, {max(seconds[name]):.2f} s worst"
        for name in placed
    )
    return f"{hosts} hosts x {parts} parts, slack {slack:g} %: {'; '.join(shown)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", default=["5x4"], metavar="HOSTSxPARTS")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--budget", type=float, default=exact.BUDGET_S, help="of CP-SAT's deterministic time, in seconds")
    parser.add_argument("--slack", type=float, default=0.0, help="percent of each host that stays free")
    arguments = parser.parse_args()
    exact.BUDGET_S = arguments.budget
    for size in arguments.sizes:
        hosts, parts = map(int, size.split("x"))
        sys.stdout.write(row(hosts, parts, arguments.slack, arguments.cases) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
