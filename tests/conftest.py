"""Properties are tried on the same examples every time; HYPOTHESIS_PROFILE=random looks for new ones.

.ci/test runs files beside each other in several processes, the longest first.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes examples slowly, which says nothing of the test.
SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **SLOW)
settings.register_profile("random", **SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# The longest files, most seconds first: begun last, one of them would run on while the other processes have nothing left to do.
LONGEST = (
    "runtime/control/local/test_control.py",
    "runtime/components/test_models.py",
    "runtime/train/test_training.py",
    "libraries/test_path_models.py",
    "runtime/train/test_train_verb.py",
    "runtime/scenarios/test_ecommerce.py",
    "runtime/control/local/test_local_faults.py",
    "runtime/report/test_report.py",
    "compiler/cli/test_plan_verb.py",
    "runtime/report/test_verdict.py",
    "runtime/planner/test_replicas.py",
    "runtime/report/test_service_times.py",
    "runtime/datasets/movielens_shop/test_world.py",
    "runtime/scenarios/test_ecommerce_path.py",
    "libraries/test_library_run.py",
    "compiler/syntax/test_syntax.py",
    "compiler/test_generated.py",
    "runtime/micro/test_micro.py",
    "libraries/test_new_library.py",
    "runtime/serve/test_services.py",
    "hostile/test_files.py",
    "runtime/components/test_components.py",
    "runtime/components/test_workloads.py",
    "compiler/distill/test_distill.py",
    "runtime/report/test_hosts.py",
    "hostile/test_surroundings.py",
    "compiler/test_cases.py",
    "runtime/test_code_key.py",
    "runtime/datasets/sources/test_fetch.py",
    "compiler/placement/test_search.py",
    "runtime/datasets/web_pages/test_web_pages.py",
    "runtime/control/local/test_measurement.py",
    "runtime/datasets/test_derived.py",
    "runtime/load/test_load.py",
    "compiler/cli/test_cli.py",
    "runtime/load/test_generators.py",
    "compiler/show/test_trace.py",
    "runtime/components/test_postgresql.py",
    "runtime/report/test_degraded_replicas.py",
    "runtime/test_wheel.py",
    "runtime/control/cluster/test_cluster.py",
    "hostile/test_inventories.py",
    "runtime/experiments/test_component_benchmark.py",
)
# The same of the long tests. Several of these files take minutes each.
LONGEST_OF_LONG = (
    "runtime/scenarios/test_undistilled.py",
    "runtime/scenarios/test_ecommerce_real.py",
    "runtime/components/test_recognition.py",
    "hostile/test_tampering.py",
    "runtime/components/test_models.py",
    "compiler/distill/test_distill.py",
    "runtime/control/cluster/test_cluster.py",
    "runtime/components/test_text_translation.py",
    "runtime/scenarios/test_run.py",
    "compiler/cli/test_repeats.py",
    "runtime/scenarios/test_web_search.py",
    "compiler/test_generated.py",
    "runtime/experiments/test_component_benchmark.py",
    "runtime/scenarios/test_ecommerce_anywhere.py",
    "compiler/test_scale.py",
    "compiler/test_installed_wheel.py",
    "runtime/scenarios/test_translation.py",
    "runtime/scenarios/test_news_feed.py",
)
# They export networks as ONNX: what that imports of torch takes a process five seconds, so the same one runs all of these.
EXPORTING = frozenset(LONGEST[1:5])
_HERE = Path(__file__).parent

# Whoever starts the tests in the background may have Ctrl-C ignored in them and in all that they start; some tests are about it.
signal.signal(signal.SIGINT, signal.default_int_handler)


# What is imported while tests are collected, half a million objects, stays until the end: looking through it for garbage again and again
# would be a seventh of what the tests cost.
gc.disable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files beside each other, but those that export; long tests take far more than what that saves."""
    if config.option.dist != "loadfile" or "not long" not in config.option.markexpr:
        return None
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "exporting" if file.removeprefix(f"{_HERE.name}/") in EXPORTING else file

    return Files(config, log)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    longest = LONGEST if "not long" in config.option.markexpr else LONGEST_OF_LONG
    rank = {_HERE / file: place for place, file in enumerate(longest)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that would be skipped fails: nothing that a test needs may be missing there."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI skips nothing: {report.longreprtext}"
    return report
