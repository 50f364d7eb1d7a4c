"""Measures the non-AI components on held-out data of a world: the metrics of their specs, and one call's time in process.

python -m aibenchrt.experiments.component.services [--world movielens_shop] [--form real|synthetic] [--seed 7]

The world is one of users, items and queries (interactions.world.World), or of sentences (translation). Figures in the components' READMEs
come from it. Times are of one thread, without the network; runs measure the rest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from aibenchrt.catalog import component
from aibenchrt.components.indexing.service import recall
from aibenchrt.components.query_parsing.service import work as parse
from aibenchrt.components.spelling_correction.service import accuracy
from aibenchrt.datasets.cache import DEFAULT_SEED
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.translation.world import TranslationWorld
from aibenchrt.datasets.web_pages.world import WebWorld
from aibenchrt.datasets.worlds import WORLDS, AnyWorld
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.progress import silent
from aibenchrt.serve.prepare import prepare_component, service_module
from aibenchrt.values import Values, Work
from aibenchrt.wire.any_value import encode

RECALL_AT = 100


def open_component(world: AnyWorld, name: str, state: Path, **settings: str | int) -> Work:
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
    return _times(works)


def list_times(world: World, state: Path) -> list[tuple[str, str]]:
    """The services that work on lists of goods, in the order in which a feed asks them."""
    users: list[Values] = [{"user": {"user_id": user.user_id}} for user in world.users[:500]]
    profiles = [open_component(world, "database_operation", state)(user) for user in users]
    recent, suited = (
        open_component(world, "database_operation", state, table="articles", order=order) for order in ("recent", "interests")
    )
    found = [(recent(profile)["items"], suited(profile)["items"]) for profile in profiles]
    both: list[Any] = [{"items": list(lists)} for lists in found]
    pool = open_component(world, "sort", state, by="recency", limit=400)
    pooled = [pool(lists) for lists in both]
    counts = open_component(world, "basic_statistics", state, over="items", window=60)
    counted: list[Values] = [{**profile, "items": counts(items)["items"]} for profile, items in zip(profiles, pooled, strict=True)]
    spilling = open_component(world, "sort", state, by="recency", limit=400, memory_kib=8)
    works: tuple[tuple[str, Work, Sequence[Values]], ...] = (
        ("database_operation, articles, recent", recent, profiles),
        ("database_operation, articles, interests", suited, profiles),
        ("sort, two lists of 300, by recency", pool, both),
        ("sort, the same, in 8 KiB of memory", spilling, both[:100]),
        ("basic_statistics, 400 items, 60 days", counts, pooled),
        ("filter", open_component(world, "filter", state, max_age=60, minimum=100), counted),
    )
    return _times(works)


def page_times(world: WebWorld, state: Path) -> list[tuple[str, str]]:
    """The services that work on pages, and how many of the planted copies hash finds."""
    ids = [page.item_id for page in world.sheets]
    tens: list[Values] = [{"items": {"item_id": ids[start : start + 10]}} for start in range(0, min(2000, len(ids)), 10)]
    crawler = open_component(world, "crawler", state)
    documents = [crawler(ten) for ten in tens]
    hashes = open_component(world, "hash", state)
    times = [("crawler, 10 pages unchanged", crawler, tens), ("hash, 10 documents", hashes, documents)]
    text = {page.item_id: page.text for page in world.sheets}
    found = sum(_dropped(hashes, text[copy], text[original]) for copy, original in world.copies.items())
    pairs = [(ids[k], ids[-k - 1]) for k in range(len(ids) // 2)]
    wrong = sum(_dropped(hashes, text[one], text[other]) for one, other in pairs if world.copies.get(other) != one)
    return [
        *((f"{name}: µs a call, median", f"{median_us(work, requests):.0f}") for name, work, requests in times),
        ("hash: planted copies that are dropped", f"{found} of {len(world.copies)}"),
        ("hash: other pairs of pages taken for copies", f"{wrong} of {len(pairs)}"),
    ]


def user_times(world: World, state: Path) -> list[tuple[str, str]]:
    """The services about users."""
    users: list[Values] = [{"user": {"user_id": user.user_id}} for user in world.users[:500]]
    database = open_component(world, "database_operation", state)
    works: tuple[tuple[str, Work, Sequence[Values]], ...] = (
        ("ab_assignment", open_component(world, "ab_assignment", state), users),
        ("fraud_check", open_component(world, "fraud_check", state), users),
        ("ad_selection, 200 ads", open_component(world, "ad_selection", state), [database(user) for user in users]),
    )
    return _times(works)


def word_times(world: World, state: Path) -> list[tuple[str, str]]:
    """What rewrites and suggests queries, and how often it has something to say."""
    queries: list[Values] = [parse({"text": {"text": query.text}}) for query in world.queries_of("test")[:1000]]
    rewrite, suggest = open_component(world, "query_rewrite", state), open_component(world, "query_suggestion", state)
    changed = sum(rewrite(query)["query"] != query["query"] for query in queries)
    answered = sum(len(suggest(query)["suggestions"]["text"]) for query in queries)
    return [
        *_times((("query_rewrite", rewrite, queries), ("query_suggestion", suggest, queries))),
        ("query_rewrite: queries that are changed", f"{changed} of {len(queries)}"),
        ("query_suggestion: suggestions a query, mean", f"{answered / len(queries):.2f}"),
    ]


def observing_times(state: Path) -> list[tuple[str, str]]:
    """The services that write down what passes by: a Details value of ten goods."""
    details = {"item_id": list(range(10)), "title": ["a title of some words"] * 10, "category": [1] * 10, "price": [9.99] * 10}
    origin = {"task": "summary", "parent": "rank", "port": "details", "type": "Details", "start_ns": 0, "end_ns": 1_000_000}
    content = encode("Details", details)
    passing: list[Any] = [{"value": [{**origin, "request_id": number, "content": content}]} for number in range(500)]
    names: tuple[tuple[str, dict[str, str | int]], ...] = (
        ("logging", {}),
        ("logging", {"sync": "always"}),
        ("monitoring", {}),
        ("tracing", {}),
        ("health_check", {}),
    )
    works = []
    for name, settings in names:
        spec = component(name)
        assert spec is not None
        defaults: dict[str, str | int] = {s.name: s.default for s in spec.settings if s.default is not None}
        said = "".join(f", {key} {value}" for key, value in settings.items())
        works.append((f"{name}{said}", service_module(name).open_work(state, defaults | settings, state), passing))
    return _times(works)


def sentence_figures(world: TranslationWorld, state: Path) -> list[tuple[str, str]]:
    """The services about sentences, on held-out ones."""
    held_out = world.pairs("test")
    texts: list[Values] = [{"text": {"text": text}} for text in held_out.source[:500]]
    detect, recall_of = open_component(world, "language_detection", state), open_component(world, "translation_memory", state)
    content = open_component(world, "content_filter", state)
    told = [
        str(detect({"text": {"text": text}})["report"]["text"]).startswith(language)
        for language, side in ((world.language, held_out.source), ("en", held_out.target))
        for text in side
    ]
    typed: list[Values] = [{"text": {"text": text}} for _, text in world.typed("test")[:1000]]
    hits = sum(bool(recall_of(text)["hit"]["value"]) for text in typed)
    flagged = sum(content(text)["report"]["text"] != "clean" for text in texts)
    works = (("language_detection", detect, texts), ("translation_memory", recall_of, texts), ("content_filter", content, texts))
    return [
        *_times(works),
        ("language_detection: accuracy", f"{sum(told) / len(told):.4f}, {len(told)} held-out sentences of both languages"),
        ("translation_memory: hits of 95 percent likeness", f"{hits} of {len(typed)} typed requests"),
        ("content_filter: sentences that are reported", f"{flagged} of {len(texts)}"),
    ]


def _times(works: Sequence[tuple[str, Work, Sequence[Values]]]) -> list[tuple[str, str]]:
    return [(f"{name}: µs a call, median", f"{median_us(work, requests):.0f}") for name, work, requests in works]


def _dropped(hashes: Work, one: str, other: str) -> bool:
    documents = {"item_id": [1, 2], "url": ["/1", "/2"], "title": ["", ""], "text": [one, other]}
    return len(hashes({"documents": documents})["documents"]["item_id"]) == 1


def measured(world: World | TranslationWorld, state: Path) -> list[tuple[str, str]]:
    """All that this world has something for. Without words in its queries the services that read them are left out."""
    if isinstance(world, TranslationWorld):
        return [*sentence_figures(world, state), *observing_times(state)]
    rows = [*list_times(world, state), *user_times(world, state), *observing_times(state)]
    if any(query.text for query in world.queries):
        rows = [*qualities(world, state), *call_times(world, state), *word_times(world, state), *rows]
    return [*rows, *page_times(world, state)] if isinstance(world, WebWorld) else rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="aibenchrt.experiments.component.services", description="Measures the non-AI components on held-out data."
    )
    parser.add_argument("--world", choices=tuple(WORLDS), default="movielens_shop")
    parser.add_argument("--form", choices=("real", "synthetic"), default="real")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    given = parser.parse_args(arguments)
    try:
        world = WORLDS[given.world].load_world(given.form, given.seed, silent)
        if not isinstance(world, World | TranslationWorld):
            parser.error(f"the world {given.world} has neither queries of users for items nor sentences")
        with tempfile.TemporaryDirectory() as scratch:
            rows = measured(world, Path(scratch))
    except EnvironmentFailure as failure:
        print(f"error[{failure.code}]: {failure.message}\n = help: {failure.hint}", file=sys.stderr)  # noqa: T201
        return 2
    print(f"{given.world}, {given.form} world {world.version[:12]}")  # noqa: T201
    for what, figure in rows:
        print(f"{what:48} {figure}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
