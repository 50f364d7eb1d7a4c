"""Services about users: assignment to experiments, fraud checks, the auction of ads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt.components.ab_assignment import service as assignment
from aibenchrt.components.ad_selection import service as ads
from aibenchrt.components.ad_selection.service import AD, Auction
from aibenchrt.components.fraud_check import service as fraud
from aibenchrt.components.fraud_check.service import FraudCheck
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.values import Work
from listed_items import world_of

# --- A/B assignment


def treated(**settings: str | int) -> Callable[[int], bool]:
    work = assignment.open_work(Path(), {"experiment": "experiment", "share": 50} | settings, Path())
    return lambda user: bool(work({"user": {"user_id": user}})["treated"]["value"])


def test_users_are_divided_by_their_share_and_keep_their_arm() -> None:
    users = range(10_000)
    half, third = treated(), treated(share=33)
    assert 4800 < sum(map(half, users)) < 5200
    assert 3100 < sum(map(third, users)) < 3500
    assert [half(user) for user in users] == [treated()(user) for user in users]
    assert all(half(user) for user in users if third(user)), "who is in the smaller share is in the larger one of the same experiment"


def test_experiments_are_independent() -> None:
    first, second = treated(experiment="ranker"), treated(experiment="layout")
    both = sum(first(user) and second(user) for user in range(10_000))
    assert 2300 < both < 2700
    assert not any(map(treated(share=0), range(100)))
    assert all(map(treated(share=100), range(100)))
    with pytest.raises(ValueError, match="percentage"):
        treated(share=101)


# --- fraud check

DAY = 86400


def score(check: Work, user: int) -> float:
    return float(str(check({"user": {"user_id": user}})["report"]["text"]).split("score ")[1].split(",")[0])


def test_a_score_rises_with_the_rate_and_falls_when_it_is_quiet() -> None:
    now = [0.0]
    check = FraudCheck({1: 100}, usual=4, window=60, now=lambda: now[0])
    assert [score(check, 1) for _ in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    now[0] = 59.0
    assert score(check, 1) == 1.0
    now[0] = 61.0
    assert score(check, 1) == 0.5, "only the request at 59 s and this one are in the window"
    assert len(check._recent) == 1
    now[0] = 1000.0
    score(check, 2)
    assert list(check._recent) == [2], "who has been quiet for longer than the window is forgotten"


def test_a_score_is_higher_for_who_is_not_known() -> None:
    check = FraudCheck({1: 100, 2: 3}, usual=10, window=60, now=lambda: 0.0)
    assert [score(check, user) for user in (1, 2, 3)] == [0.1, 0.19, 0.37]
    assert check({"user": {"user_id": 3}})["report"]["text"] == "user 3: score 0.440, 2 requests in 60 s, usual 10, 0 interactions before"


def test_what_is_usual_comes_from_the_training_period(tmp_path: Path) -> None:
    now = 100 * DAY
    rows = [(1, k, 4.0, now - 10 * DAY + 30 * k, 0) for k in range(1, 6)]  # two within a minute at most
    rows += [(2, k, 4.0, now - 9 * DAY + k, 0) for k in range(1, 4)]  # three within a minute
    rows += [(3, k, 4.0, now + k, 2) for k in range(1, 60)]  # held out
    fraud.prepare(world_of(rows, now), {"window": 60}, tmp_path)
    work = fraud.open_work(tmp_path, {"window": 60}, tmp_path)
    said = [work({"user": {"user_id": user}})["report"]["text"] for user in (1, 3)]
    assert said[0] == "user 1: score 0.333, 1 requests in 60 s, usual 3, 5 interactions before"
    assert said[1].endswith("usual 3, 0 interactions before")


# --- ads


def auction(rows: list[tuple[int, int, float, float]], slots: int = 2) -> Auction:
    """rows: good, category, bid, budget. Goods 11 to 19 are of category 1, 21 to 29 of category 2."""
    table = np.array([(good, category, 0.5, bid, budget) for good, category, bid, budget in rows], dtype=AD)
    return Auction(table, {good: good // 10 for good in range(10, 30)}, 3, slots)


def shown(work: Work, *history: int) -> list[int]:
    profile = {"user_id": 1, "age": 30, "gender": "F", "occupation": "", "history": list(history)}
    return list(work({"profile": profile})["items"]["item_id"])


def test_bids_and_the_users_taste_decide_and_what_was_liked_is_not_advertised() -> None:
    rows = [(11, 1, 1.0, 99.0), (12, 1, 0.6, 99.0), (21, 2, 0.9, 99.0)]
    assert shown(auction(rows)) == [11, 21], "of a user without a history the bid alone"
    assert shown(auction(rows), 22, 23, 24) == [21, 11]
    assert shown(auction(rows), 13, 14, 15) == [11, 12]
    assert shown(auction(rows), 11, 14, 15) == [12, 21]
    assert shown(auction(rows, slots=9)) == [11, 21, 12]


def test_an_ad_pays_the_next_bid_and_goes_when_its_budget_is_spent() -> None:
    work = auction([(11, 1, 1.0, 2.0), (12, 1, 0.75, 99.0)], slots=1)
    assert [shown(work) for _ in range(3)] == [[11], [11], [12]], "2.0 − 0.75 − 0.75 is less than its bid"


def test_the_table_of_ads_is_of_the_world_and_its_seed(tmp_path: Path) -> None:
    world = WORLDS.load("synthetic")
    settings = {"ads": 40, "slots": 3}
    ads.prepare(world, settings, tmp_path)
    work: Any = ads.open_work(tmp_path, settings, tmp_path)
    answers = {user.user_id: tuple(shown(work, *user.history)) for user in world.users[:60]}
    assert len(set(answers.values())) > 5
    goods = {item.item_id: item.category for item in world.items}
    profile = {"user_id": 0, "age": 0, "gender": "", "occupation": "", "history": []}
    items = ads.open_work(tmp_path, settings, tmp_path)({"profile": profile})["items"]
    assert [goods[item] for item in items["item_id"]] == items["category"]
    assert len({len(column) for column in items.values()}) == 1
