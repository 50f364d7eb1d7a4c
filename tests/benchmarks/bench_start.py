"""CPU of `aibenchc check` and `aibenchc compile` beside another checkout's: python tests/benchmarks/bench_start.py OTHER [PAIRS]

OTHER: a folder with another commit's tree, as `git worktree add ../other COMMIT --detach` makes it. Each pair is a cold process of either
tree, in turn, so that a machine that slows down meanwhile slows both; both have bytecode, as an installed program has. Printed: the least
and the median of user and system time, and the ratio of this tree to the other, pair by pair.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "specs" / "ecommerce.aib"


def cpu_s(tree: Path, words: list[str], bytecode: Path) -> float:
    """User and system time of one process of this tree. CalledProcessError: it failed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": f"{tree / 'compiler'}:{tree / 'runtime'}", "PYTHONPYCACHEPREFIX": str(bytecode)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "aibenchc", *words], cwd=tree, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(name: str, times: list[tuple[float, float]]) -> None:
    """times: (other, this) of each pair."""
    for label, column in zip(("other", "this"), zip(*times, strict=True), strict=True):
        sys.stdout.write(f"{name:<8} {label:<6} least {min(column):.3f} s, median {statistics.median(column):.3f} s\n")
    ratios = sorted(this / other for other, this in times)
    least = min(this for _, this in times) / min(other for other, _ in times)
    middle = f"median {statistics.median(ratios):.2f}, quartiles {ratios[len(ratios) // 4]:.2f} to {ratios[3 * len(ratios) // 4]:.2f}"
    sys.stdout.write(f"{name:<8} this / other: {middle}; of the least times {least:.2f}\n")


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    other, pairs = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) == 3 else 15
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for verb in ("check", "compile"):

            def once(tree: Path, verb: str = verb) -> float:
                out = [] if verb == "check" else ["--out", str(scratch / ("this" if tree == ROOT else "other"))]
                return cpu_s(tree, [verb, str(SPEC), *out], scratch / "bytecode")

            once(other), once(ROOT)  # writes the bytecode and the cached grammar
            show(verb, [(once(other), once(ROOT)) for _ in range(pairs)])


if __name__ == "__main__":
    main()
