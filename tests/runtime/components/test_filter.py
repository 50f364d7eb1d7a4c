"""Filter: what the user has met, what is stale, and what is not popular enough goes; the rest keeps its order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aibenchrt.components.filter import service
from aibenchrt.values import Work
from listed_items import items, world_of

DAY = 86400
NOW = 100 * DAY
# (user, item, rating, time, split): item 1 a day ago, item 2 ten days ago, item 3 fifty days ago; item 4 only in the held-out period.
ROWS = [(1, 3, 2.0, NOW - 50 * DAY, 0), (2, 2, 5.0, NOW - 10 * DAY, 0), (1, 1, 5.0, NOW - DAY, 0), (1, 4, 5.0, NOW + DAY, 2)]


def opened(tmp_path: Path, **settings: str | int) -> Work:
    chosen = {"seen": "drop", "max_age": 0, "minimum": 0} | settings
    service.prepare(world_of(ROWS, NOW), chosen, tmp_path)
    return service.open_work(tmp_path, chosen, tmp_path)


def profile(user_id: int, *history: int) -> dict[str, Any]:
    return {"user_id": user_id, "age": 30, "gender": "F", "occupation": "writer", "history": list(history)}


def left(work: Work, ids: list[int], user: dict[str, Any] | None = None, **columns: Any) -> list[int]:
    passed = work({"items": items(ids, **columns), **({"profile": user} if user else {})})["items"]
    assert {len(values) for values in passed.values()} == {len(passed["item_id"])}
    return list(passed["item_id"])


def test_what_the_user_met_in_training_goes_liked_or_not(tmp_path: Path) -> None:
    work = opened(tmp_path)
    assert left(work, [4, 3, 2, 1], profile(1, 1)) == [4, 2], "item 4 was met in the held-out period, which nobody may know of"
    assert left(work, [4, 3, 2, 1], profile(2, 2)) == [4, 3, 1]
    assert left(work, [4, 3, 2, 1], profile(99)) == [4, 3, 2, 1]
    assert left(work, [4, 3, 2, 1], profile(99, 3)) == [4, 2, 1], "a history says it too"
    assert left(work, [4, 3, 2, 1]) == [4, 3, 2, 1]
    assert left(work, [], profile(1)) == []
    assert left(opened(tmp_path, seen="keep"), [3, 2], profile(1)) == [3, 2]


@pytest.mark.parametrize(("days", "stays"), [(5, [4, 1]), (20, [4, 2, 1]), (60, [4, 3, 2, 1])])
def test_what_nobody_met_for_long_goes(tmp_path: Path, days: int, stays: list[int]) -> None:
    """Item 4 was never met, so it is new; item 999 does not exist in the world and is removed."""
    assert left(opened(tmp_path, max_age=days), [4, 3, 999, 2, 1]) == stays


def test_what_is_not_popular_enough_goes(tmp_path: Path) -> None:
    assert left(opened(tmp_path, minimum=250), [1, 2, 3], popularity=[0.2, 0.25, 0.9]) == [2, 3]


def test_all_columns_stay_together(tmp_path: Path) -> None:
    outputs = opened(tmp_path, minimum=500)(
        {"items": items([1, 2, 3], popularity=[0.6, 0.1, 0.7], category=[4, 5, 6], rank_score=[3, 2, 1])}
    )
    assert outputs["items"]["category"] == [4, 6]
    assert outputs["items"]["rank_score"] == [3, 1]
