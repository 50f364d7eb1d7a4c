"""Measures the non-AI components on a world: one call's time in process, and what their packages say of their quality.

python -m aibenchrt.experiments.component.services [--world movielens_shop] [--variant real|synthetic] [--component NAME] [--library NAME]

What each is called with stands in its package (`workload.py`); it is measured where the world gives what that needs. Figures in the
components' READMEs come from here. Times are of one thread, without the network; runs measure the rest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter_ns

from aibenchrt.catalog import COMPONENTS, component_module, dataset
from aibenchrt.catalog import component as component_spec
from aibenchrt.component import ComponentSpec, Kind, Need
from aibenchrt.datasets.cache import DEFAULT_SEED
from aibenchrt.datasets.worlds import AnyWorld, make_world, worlds
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import add_library_argument, use
from aibenchrt.progress import silent
from aibenchrt.serve.prepare import WorkloadModule, prepare_component, workload_module
from aibenchrt.shown import say, tell_failure
from aibenchrt.values import Values, Work
from aibenchrt.workload import Figure, OpenService


def opener(world: AnyWorld, state: Path) -> OpenService:
    """state: the folder in which all components keep their state."""

    def open_service(component: str, **settings: str | int) -> Work:
        spec = component_spec(component)
        if spec is None:
            raise ValueError(f"no component '{component}'")
        merged = {setting.name: setting.default for setting in spec.settings if setting.default is not None} | settings
        work: Work = component_module(component, "service").open_work(prepare_component(component, merged, world), merged, state)
        return work

    return open_service


def median_us(work: Work, requests: Sequence[Values]) -> float:
    """The median time of a call in µs, after every request was sent once."""
    times = []
    for request in (*requests, *requests):
        start = perf_counter_ns()
        work(request)
        times.append(perf_counter_ns() - start)
    return statistics.median(times[len(requests) :]) / 1000


def measured(spec: ComponentSpec, module: WorkloadModule | None, world: AnyWorld, name: str, open_service: OpenService) -> list[Figure]:
    """The figures of the component's workloads on the world of the data set `name`."""
    if module is None:
        return []
    data = dataset(name)
    gives = data.gives if data else ()
    rows = []
    for workload in module.WORKLOADS:
        if lacking(gives, (*spec.needs_for(workload.settings), *workload.needs)):
            continue
        work, requests = open_service(spec.name, **workload.settings), workload.requests(world, open_service)
        what = f"{spec.name}, {workload.what}" if workload.what else spec.name
        rows.append((f"{what}: µs a call, median", f"{median_us(work, requests):.0f}"))
    for figures in getattr(module, "FIGURES", ()):
        if name in (figures.worlds or (name,)) and not lacking(gives, (*spec.needs_for({}), *figures.needs)):
            rows += [(f"{spec.name}: {what}", value) for what, value in figures.figures(world, open_service)]
    return rows


def lacking(gives: Iterable[Need], needs: Iterable[Need]) -> list[str]:
    names = {need.name for need in gives}
    return [need.name for need in needs if need.name not in names]


def main(arguments: Sequence[str] | None = None) -> int:
    rows: list[Figure] = []
    try:
        given = _read(arguments)
        services = [spec for spec in COMPONENTS.values() if spec.kind is Kind.SERVICE]
        world = make_world(given.world, given.variant, given.seed, silent)
        with tempfile.TemporaryDirectory() as scratch:
            open_service = opener(world, Path(scratch))
            for spec in services:
                if spec.name in (given.component or (spec.name,)):
                    rows += measured(spec, workload_module(spec.name), world, given.world, open_service)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    say(f"{given.world}, {given.variant} world {world.version[:12]}")
    for what, figure in rows:
        say(f"{what:48} {figure}")
    return 0


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the libraries first, since the other arguments may name what they add. EnvironmentFailure: as `use` raises."""
    libraries = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    add_library_argument(libraries)
    use(libraries.parse_known_args(arguments)[0].library)
    services = [spec.name for spec in COMPONENTS.values() if spec.kind is Kind.SERVICE]
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog="aibenchrt.experiments.component.services",
        description="Measures the non-AI components.",
        parents=[libraries],
    )
    parser.add_argument("--world", choices=worlds(), default="movielens_shop")
    parser.add_argument("--variant", choices=("real", "synthetic"), default="real")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--component", choices=services, action="append", help="default: all")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
