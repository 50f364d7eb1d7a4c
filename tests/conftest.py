"""Properties are tried on the same examples every time; HYPOTHESIS_PROFILE=random looks for new ones.

The tests of the files below are marked `alone`: .ci/test runs them one after another, the others beside each other in several processes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes examples slowly, which says nothing of the test.
SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **SLOW)
settings.register_profile("random", **SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Files and folders whose tests run whole scenarios under load: with something beside them the machine may be too small.
ALONE = ("runtime/scenarios", "testbed")
NOT_ALONE = ("runtime/scenarios/test_ecommerce_path.py",)  # in one process, without load
# The longest files, most seconds first: begun last, one of them would run on while the other processes have nothing left to do.
LONGEST = (
    "runtime/train/test_training.py",
    "runtime/control/local/test_local_faults.py",
    "compiler/test_generated.py",
    "runtime/control/local/test_control.py",
    "runtime/report/test_hosts.py",
    "runtime/datasets/sources/test_fetch.py",
    "runtime/planner/test_replicas.py",
    "runtime/report/test_service_times.py",
    "runtime/test_code_key.py",
    "runtime/experiments/test_component_benchmark.py",
    "runtime/scenarios/test_ecommerce_path.py",
    "runtime/report/test_degraded_replicas.py",
    "runtime/datasets/test_derived.py",
    "runtime/report/test_verdict.py",
    "runtime/report/test_report.py",
    "runtime/components/test_models.py",
    "runtime/components/test_postgresql.py",
    "runtime/load/test_generators.py",
    "runtime/load/test_load.py",
    "runtime/train/test_events.py",
)
_HERE = Path(__file__).parent

# Whoever starts the tests in the background may have Ctrl-C ignored in them and in all that they start; some tests are about it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _within(item, ALONE) and not _within(item, NOT_ALONE):
            item.add_marker("alone")
    rank = {_HERE / file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def _within(item: pytest.Item, places: Sequence[str]) -> bool:
    return any(item.path.is_relative_to(_HERE / place) for place in places)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that would be skipped fails: nothing that a test needs may be missing there."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI skips nothing: {report.longreprtext}"
    return report
