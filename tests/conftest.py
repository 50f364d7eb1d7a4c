"""Properties are tried on the same examples every time; HYPOTHESIS_PROFILE=random looks for new ones.

.ci/test runs files beside each other in several processes, the longest first.
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

# The longest files, most seconds first: begun last, one of them would run on while the other processes have nothing left to do.
LONGEST = (
    "runtime/scenarios/test_ecommerce.py",
    "runtime/control/local/test_local_faults.py",
    "runtime/control/local/test_control.py",
    "runtime/report/test_verdict.py",
    "runtime/planner/test_replicas.py",
    "libraries/test_library_run.py",
    "runtime/report/test_report.py",
    "runtime/datasets/movielens_shop/test_world.py",
    "runtime/components/test_models.py",
    "runtime/report/test_service_times.py",
    "compiler/cli/test_plan_verb.py",
    "runtime/train/test_training.py",
    "compiler/test_generated.py",
    "runtime/load/test_load.py",
    "runtime/micro/test_micro.py",
    "runtime/report/test_hosts.py",
    "runtime/scenarios/test_ecommerce_path.py",
    "runtime/load/test_generators.py",
    "libraries/test_path_models.py",
    "libraries/test_new_library.py",
    "compiler/placement/test_search.py",
    "compiler/distill/test_distill.py",
    "runtime/components/test_postgresql.py",
    "runtime/datasets/sources/test_fetch.py",
    "runtime/datasets/test_derived.py",
    "runtime/components/test_components.py",
    "runtime/test_code_key.py",
    "runtime/experiments/test_component_benchmark.py",
)
_HERE = Path(__file__).parent

# Whoever starts the tests in the background may have Ctrl-C ignored in them and in all that they start; some tests are about it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {_HERE / file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that would be skipped fails: nothing that a test needs may be missing there."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI skips nothing: {report.longreprtext}"
    return report
