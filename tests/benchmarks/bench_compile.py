"""Times of the compiler by phase, in CPU seconds of this process: python tests/benchmarks/bench_compile.py [TASKS …]

parse (the grammar cached), validate (with build and flow), format; then `aibenchc check specs/ecommerce.aib` as a cold process.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aibenchc.diagnostics import Diagnostics
from aibenchc.source import SourceFile
from aibenchc.syntax.format import format_spec
from aibenchc.syntax.parse import parse_file
from aibenchc.validate import validate

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
REPEATS = 3


def best(work: Callable[[], object]) -> float:
    """The shortest of REPEATS runs, in CPU seconds, without the cyclic garbage collector, as the driver runs the phases."""
    times = []
    for _ in range(REPEATS):
        gc.collect()
        gc.disable()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
        gc.enable()
    return min(times)


def phases(tasks: int) -> tuple[float, float, float]:
    from large_spec import large_spec

    source = SourceFile("large.aib", large_spec(tasks))
    spec = parse_file(source, Diagnostics())
    assert spec is not None
    scenario = validate(spec, Diagnostics())
    assert scenario is not None
    assert len(scenario.graph.tasks) == tasks
    return best(lambda: parse_file(source, Diagnostics())), best(lambda: validate(spec, Diagnostics())), best(lambda: format_spec(spec))


def check_cpu() -> float:
    command = [sys.executable, "-m", "aibenchc", "check", str(ROOT / "specs" / "ecommerce.aib")]
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return sorted(times)[len(times) // 2]


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [10, 100, 1000, 10_000]
    sys.stdout.write("tasks   parse/s  validate/s  format/s\n")
    for tasks in sizes:
        parse, check, layout = phases(tasks)
        sys.stdout.write(f"{tasks:<7} {parse:7.3f}  {check:10.3f}  {layout:8.3f}\n")
    sys.stdout.write(f"aibenchc check specs/ecommerce.aib, cold: {check_cpu():.2f} s CPU\n")


if __name__ == "__main__":
    main()
