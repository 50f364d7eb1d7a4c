"""Large specs: the whole compile, without protoc, in CPU seconds of a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cpu_time import quiet_cpu_s
from paths import SUPPORT

COMPILE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from large_spec import large_spec
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.source import SourceFile
source = SourceFile("large.aib", large_spec(int(sys.argv[2])))
compiled = compile_spec(source, CompileSettings(), Diagnostics(), lambda *_: None, lambda *_: None)
assert len(compiled.plan.steps) == int(sys.argv[2]) and len(compiled.artifacts) > len(compiled.plan.steps)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def cpu_s(tasks: int) -> float:
    command = [sys.executable, "-c", COMPILE, str(SUPPORT), str(tasks)]
    return quiet_cpu_s(lambda: float(subprocess.run(command, capture_output=True, text=True, check=True).stdout), tries=2)


def test_a_thousand_tasks_compile_in_two_seconds() -> None:
    assert cpu_s(1000) < 2


@pytest.mark.long
def test_ten_thousand_tasks_take_no_more_than_twelve_times_as_long() -> None:
    assert cpu_s(10_000) < 12 * cpu_s(1000)
