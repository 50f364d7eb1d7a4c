"""Basic statistics: over goods, of the events in a window; over queries, of all that flowed through."""

from __future__ import annotations

import math
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.components.basic_statistics import service
from aibenchrt.components.basic_statistics.service import EVENT, ItemStatistics, QueryStatistics
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from listed_items import items, world_of

DAY = 86400
NOW = 100 * DAY
ROWS = [
    (1, 7, 5.0, NOW - 40 * DAY, 0),  # before a window of 30 days
    (1, 8, 2.0, NOW - 20 * DAY, 0),
    (2, 8, 4.0, NOW - 10 * DAY, 0),
    (3, 8, 5.0, NOW - 5 * DAY, 0),
    (3, 9, 3.0, NOW - 1, 0),
    (4, 7, 5.0, NOW, 1),  # not of the training period
]


def test_popularity_and_report_are_of_the_window(tmp_path: Path) -> None:
    settings: dict[str, str | int] = {"over": "items", "window": 30}
    service.prepare(world_of(ROWS, NOW), settings, tmp_path)
    given = items([9, 7, 8], popularity=[0.5, 0.5, 0.5], category=[1, 2, 3])
    outputs = service.open_work(tmp_path, settings, tmp_path)({"items": given})
    assert outputs["items"]["item_id"] == [9, 7, 8]
    assert outputs["items"]["category"] == [1, 2, 3]
    assert outputs["items"]["popularity"] == pytest.approx([math.log(2) / math.log(4), 0, 1])
    assert outputs["report"] == {"text": "3 goods, 4 events, 2 clicks, click-through 0.5000, mean rating 3.500"}
    empty = service.open_work(tmp_path, settings, tmp_path)({"items": items([])})
    assert empty["items"] == items([])
    assert empty["report"] == {"text": "0 goods, 0 events"}


@pytest.mark.parametrize("window", [3, 30, 10_000])
def test_totals_are_those_of_counting_one_by_one(tmp_path: Path, window: int) -> None:
    world = WORLDS.load("synthetic")
    settings: dict[str, str | int] = {"over": "items", "window": window}
    service.prepare(world, settings, tmp_path)
    work = service.open_work(tmp_path, settings, tmp_path)
    assert isinstance(work, ItemStatistics)
    training = world.interactions.of("train")
    start = world.validation_start - window * DAY
    inside = [(int(i), float(r)) for i, r, t in zip(training.item, training.rating, training.time, strict=True) if t >= start]
    events, clicks = Counter(i for i, _ in inside), Counter(i for i, r in inside if r >= 4)
    stars = Counter[int]()
    for item, rating in inside:
        stars[item] += int(rating)
    ids = np.array([i.item_id for i in world.items[::-3]] + [10**6])
    totals = work.totals(ids)
    assert totals.events.tolist() == [events[i] for i in ids.tolist()]
    assert totals.clicks.tolist() == [clicks[i] for i in ids.tolist()]
    assert totals.stars.tolist() == [stars[i] for i in ids.tolist()]


def test_a_window_without_events() -> None:
    work = ItemStatistics(np.empty(0, dtype=EVENT), 0, NOW)
    outputs = work({"items": items([1, 2])})
    assert outputs["items"]["popularity"] == [0, 0]
    assert outputs["report"] == {"text": "2 goods, 0 events"}


def test_queries_are_counted(tmp_path: Path) -> None:
    work = service.open_work(tmp_path, {"over": "queries", "window": 30}, tmp_path)
    work({"query": {"text": "a b", "term": ["a", "b"]}})
    work({"query": {"text": "a", "term": ["a"]}})
    assert work({"query": {"text": "", "term": []}})["report"] == {"text": "3 queries, 1.00 terms each, most often: a 2, b 1"}


def test_threads_lose_no_query() -> None:
    work = QueryStatistics()

    def ask() -> None:
        for _ in range(500):
            work({"query": {"text": "a", "term": ["a"]}})

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert work({"query": {"text": "a", "term": ["a"]}})["report"]["text"].startswith("2001 queries, 1.00 terms each, most often: a 2001")


def test_terms_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_TERMS", 2)
    work = QueryStatistics()
    outputs = work({"query": {"text": "", "term": ["a", "b", "c", "d", "a"]}})
    assert outputs["report"] == {"text": "1 queries, 5.00 terms each, most often: a 2, b 1"}
