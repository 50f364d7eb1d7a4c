"""Measures the non-AI components on held-out data of a world: the metrics of their specs, and one call's time in process.

python -m aibenchrt.measure_services [--world movielens_shop] [--form real|synthetic] [--seed 7]

The world is one of users, items and queries (world.World). Figures in the components' READMEs come from it. Times are of one thread,
without the network; runs measure the rest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns

from aibenchrt.catalog import component
from aibenchrt.components.indexing.service import recall
from aibenchrt.components.query_parsing.service import work as parse
from aibenchrt.components.spelling_correction.service import accuracy
from aibenchrt.datasets.fetch import silent
from aibenchrt.datasets.world import World
from aibenchrt.datasets.worlds import DEFAULT_SEED, WORLDS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.prepare import prepare_component, service_module
from aibenchrt.values import Values, Work

RECALL_AT = 100


def open_component(world: World, name: str, state: Path, **settings: str | int) -> Work:
    """The component on this world, its other settings as the catalogue's defaults."""
    spec = component(name)
    if spec is None:
        raise ValueError(f"no component '{name}'")
    merged: dict[str, str | int] = {s.name: s.default for s in spec.settings if s.default is not None}
    merged.update(settings)
    work: Work = service_module(name).open_work(prepare_component(name, merged, world), merged, state)
    return work


def median_us(work: Work, requests: Sequence[Values]) -> float:
    """The median time of a call, after every request was sent once."""
    times = []
    for request in (*requests, *requests):
        start = perf_counter_ns()
        work(request)
        times.append(perf_counter_ns() - start)
    return statistics.median(times[len(requests) :]) / 1000


def qualities(world: World, state: Path) -> list[tuple[str, str]]:
    """What is measured, and the figure."""
    queries = world.queries_of("test")
    corrected, untouched = accuracy(open_component(world, "spelling_correction", state), queries)
    search = open_component(world, "indexing", state, shards=2, limit=RECALL_AT)
    with_query, without = recall(search, queries, query=True), recall(search, queries, query=False)
    return [
        ("spelling_correction: accuracy", f"{corrected:.3f} ({untouched:.3f} as typed), {len(queries)} queries"),
        (f"indexing: recall@{RECALL_AT}, true category", f"{with_query:.3f} ({without:.3f} by popularity alone), {len(queries)} queries"),
    ]


def call_times(world: World, state: Path) -> list[tuple[str, str]]:
    queries = world.queries_of("test")[:1000]
    texts: list[Values] = [{"text": {"text": query.text}} for query in queries]
    parsed = [parse(text) for text in texts]
    users: list[Values] = [{"user": {"user_id": query.user_id}} for query in queries]
    categories = [{"label": [query.label], "probability": [1.0]} for query in queries]
    asked: list[Values] = [{**q, "category": category} for q, category in zip(parsed, categories, strict=True)]
    search = open_component(world, "indexing", state, tier="excellent", shards=2)
    items: list[Values] = [{"items": search(inputs)["items"]} for inputs in asked]
    summary = open_component(world, "database_operation", state, table="items")
    answers = [summary(found) for found in items]
    cached: list[Values] = [{**q, **user} for q, user in zip(parsed, users, strict=True)]
    answered: list[Values] = [{**key, **answer} for key, answer in zip(cached, answers, strict=True)]
    works: tuple[tuple[str, Work, Sequence[Values]], ...] = (
        ("query_parsing", open_component(world, "query_parsing", state), texts),
        ("spelling_correction", open_component(world, "spelling_correction", state), parsed),
        ("indexing, excellent, 2 shards", search, asked),
        ("database_operation, users", open_component(world, "database_operation", state), users),
        ("database_operation, items", summary, items),
        ("cache_store", open_component(world, "cache_store", state), answered),
        ("cache_lookup", open_component(world, "cache_lookup", state), cached),
        ("event_log", open_component(world, "event_log", state), answered[:200]),
    )
    return [(f"{name}: µs a call, median", f"{median_us(work, requests):.0f}") for name, work, requests in works]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="aibenchrt.measure_services", description="Measures the non-AI components on held-out data.")
    parser.add_argument("--world", choices=tuple(WORLDS), default="movielens_shop")
    parser.add_argument("--form", choices=("real", "synthetic"), default="real")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    given = parser.parse_args(arguments)
    try:
        world = WORLDS[given.world].load_world(given.form, given.seed, silent)
        if not isinstance(world, World):
            parser.error(f"the world {given.world} has no queries of users for items")
        with tempfile.TemporaryDirectory() as scratch:
            rows: list[tuple[str, str]] = [*qualities(world, Path(scratch)), *call_times(world, Path(scratch))]
    except EnvironmentFailure as failure:
        print(f"error[{failure.code}]: {failure.message}\n = help: {failure.hint}", file=sys.stderr)  # noqa: T201
        return 2
    print(f"{given.world}, {given.form} world {world.version[:12]}")  # noqa: T201
    for what, figure in rows:
        print(f"{what:48} {figure}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
