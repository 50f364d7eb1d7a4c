"""Properties are tried on the same examples every time; HYPOTHESIS_PROFILE=random looks for new ones.

The tests of the files below are marked `alone`: .ci/test runs them one after another, the others beside each other in several processes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes examples slowly, which says nothing of the test.
SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **SLOW)
settings.register_profile("random", **SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Files and folders whose tests apply load or measure what is under load: what runs beside them would be measured too.
ALONE = (
    "runtime/control/local",
    "runtime/experiments",
    "runtime/load",
    "runtime/micro",
    "runtime/planner/test_replicas.py",
    "runtime/scenarios",
    "testbed",
)
_HERE = Path(__file__).parent

# Whoever starts the tests in the background may have Ctrl-C ignored in them and in all that they start; some tests are about it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(_HERE / place) for place in ALONE):
            item.add_marker("alone")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that would be skipped fails: nothing that a test needs may be missing there."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI skips nothing: {report.longreprtext}"
    return report
