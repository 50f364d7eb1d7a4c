"""CPU seconds that hold on any machine: what work takes is compared with what fixed work takes beside it.

A busy or slow machine needs more CPU seconds for the same work, and as many times more for the fixed work: a limit on the quotient says the
same everywhere.
"""

from __future__ import annotations

import ast
import gc
import resource
import time
from collections.abc import Callable

FIXED_WORK_S = 0.07  # on the machine on which the limits of the tests were set, without other load
_TEXT = "\n".join(f"def f{n}(a, b=({n}, 'x')):\n    return [a + {n} for c in b if c not in (a, {n})]\n" for n in range(550))


def fixed_work_s() -> float:
    """CPU seconds of parsing, writing out and compiling the same Python text."""
    collecting = gc.isenabled()
    gc.disable()  # other objects of this process are not to be visited
    try:
        before = time.process_time()
        tree = ast.parse(_TEXT)
        ast.dump(tree)
        compile(tree, "fixed", "exec")
        return time.process_time() - before
    finally:
        if collecting:
            gc.enable()


def quiet_cpu_s(work: Callable[[], float], tries: int = 3) -> float:
    """The CPU seconds that `work` returns, scaled to a machine on which the fixed work takes FIXED_WORK_S; the least of `tries`."""

    def attempt() -> float:
        before = fixed_work_s()
        spent = work()
        return spent * FIXED_WORK_S * 2 / (before + fixed_work_s())

    return min(attempt() for _ in range(tries))


def children_cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of the processes that end while `work` runs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
