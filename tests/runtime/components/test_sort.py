"""Sort: the order, merging, and sorting on disk beyond the memory limit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt.components.sort import rows as sorting
from aibenchrt.components.sort import service
from aibenchrt.components.sort.rows import ROW, Sorter, rows_of, value_of
from aibenchrt.values import Work
from listed_items import items, world_of


def opened(tmp_path: Path, **settings: str | int) -> Work:
    chosen = {"by": "recommend_score", "limit": 1000, "memory_kib": 4096} | settings
    return service.open_work(tmp_path, chosen, tmp_path)


def many_items(count: int, seed: int) -> dict[str, list[Any]]:
    """Ids without repetition in no order, with scores of which many are equal."""
    draw = random.Random(seed)
    ids = draw.sample(range(10 * count), count)
    return items(ids, category=[i % 7 for i in ids], popularity=[draw.randrange(count // 3) / count for _ in ids])


def test_lists_are_merged_by_the_score_and_a_good_stands_once_at_its_best(tmp_path: Path) -> None:
    first = items([1, 2, 3], recommend_score=[0.9, 0.5, 0.1], category=[4, 5, 6])
    second = items([4, 2, 5], recommend_score=[0.7, 0.6, 0.5], category=[7, 5, 8])
    merged = opened(tmp_path)({"items": [first, second]})["items"]
    assert merged["item_id"] == [1, 4, 2, 5, 3]
    assert merged["category"] == [4, 7, 5, 8, 6]
    assert merged["recommend_score"] == pytest.approx([0.9, 0.7, 0.6, 0.5, 0.1])
    assert opened(tmp_path, limit=2)({"items": [first, second]})["items"]["item_id"] == [1, 4]
    assert opened(tmp_path)({"items": first})["items"]["item_id"] == [1, 2, 3], "an earlier stage of the same process gives one list"
    assert opened(tmp_path)({"items": [items([]), items([])]})["items"] == items([])


def test_equal_ones_stay_in_the_order_of_the_lists(tmp_path: Path) -> None:
    same = opened(tmp_path)({"items": [items([9, 3]), items([7, 3, 1])]})["items"]
    assert same["item_id"] == [9, 3, 7, 1]


def test_by_recency_what_was_met_last_comes_first(tmp_path: Path) -> None:
    """Item 5 was met in the validation period alone: within the training period nobody has, so it is new."""
    world = world_of([(1, 2, 5.0, 100, 0), (1, 3, 1.0, 300, 0), (2, 2, 4.0, 200, 0), (2, 5, 4.0, 500, 1)], validation_start=400)
    service.prepare(world, {"by": "recency"}, tmp_path)
    assert opened(tmp_path, by="recency")({"items": [items([2, 3, 5, 10**9])]})["items"]["item_id"] == [5, 3, 2, 10**9]


def test_by_a_score_no_world_is_needed(tmp_path: Path) -> None:
    service.prepare(object(), {"by": "popularity"}, tmp_path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def spilled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes in bytes of the runs that were written to disk."""
    sizes: list[int] = []
    write = sorting._spilled

    def watched(held: Any, path: Path) -> Path:
        run = write(held, path)
        sizes.append(run.stat().st_size)
        return run

    monkeypatch.setattr(sorting, "_spilled", watched)
    return sizes


def test_beyond_its_memory_it_sorts_on_disk_and_comes_to_the_same(tmp_path: Path, spilled: list[int]) -> None:
    lists = [many_items(3000, seed) for seed in range(4)]
    inputs: Any = {"items": lists}
    settings = {"by": "popularity", "limit": 100_000}
    in_memory = opened(tmp_path, **settings)({**inputs})["items"]
    assert spilled == []
    on_disk = opened(tmp_path, **settings, memory_kib=64)({**inputs})["items"]
    assert on_disk == in_memory
    limit = 64 * 1024
    assert sum(spilled) == sum(len(values["item_id"]) for values in lists) * ROW.itemsize, "every row went to disk"
    assert max(spilled) <= limit
    assert len(spilled) >= sum(spilled) // limit
    assert list(tmp_path.iterdir()) == [], "the runs are gone"
    popularity = on_disk["popularity"]
    assert popularity == sorted(popularity, reverse=True)
    assert len(set(on_disk["item_id"])) == len(on_disk["item_id"])


def test_a_limit_ends_the_merging_early_and_cleans_up(tmp_path: Path, spilled: list[int]) -> None:
    lists = [many_items(3000, seed) for seed in range(2)]
    inputs: Any = {"items": lists}
    few = opened(tmp_path, by="popularity", limit=10, memory_kib=16)({**inputs})["items"]
    everything = opened(tmp_path, by="popularity", limit=100_000)({**inputs})["items"]
    assert few == {name: values[:10] for name, values in everything.items()}
    assert len(spilled) > 2
    assert list(tmp_path.iterdir()) == []


def test_memory_holds_one_block_of_each_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of all runs that are in memory at the same time stay within the limit."""
    memory = 32 * 1024
    asked: list[int] = []
    read = sorting._read

    def watched(run: Path, block: int) -> Iterator[tuple[float, int, tuple[Any, ...]]]:
        asked.append(block * ROW.itemsize)
        return read(run, block)

    monkeypatch.setattr(sorting, "_read", watched)
    rows = rows_of(many_items(4000, 1), np.zeros(4000), 0)
    pieces = list(Sorter(memory, tmp_path).ordered([rows]))
    assert len(value_of(pieces)["item_id"]) == 4000
    assert len(asked) > 5
    assert sum(asked) <= memory


def test_a_full_disk_fails_the_call(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    work = service.open_work(tmp_path, {"by": "popularity", "limit": 10, "memory_kib": 1}, gone)
    with pytest.raises(OSError, match="gone"):
        work({"items": [many_items(300, 1)]})  # type: ignore[dict-item]
