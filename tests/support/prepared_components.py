"""Components prepared and opened as in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aibenchrt.catalog import component_module
from aibenchrt.datasets.interactions.recency import last_met
from aibenchrt.datasets.interactions.world import World
from aibenchrt.serve.prepare import prepare_component
from aibenchrt.values import Work
from service_process import DEFAULTS


def opened(world: World, component: str, state: Path = Path("unused"), **settings: str | int) -> Work:
    merged = {**DEFAULTS.get(component, {}), **settings}
    work: Work = component_module(component, "service").open_work(prepare_component(component, merged, world), merged, state)
    return work


def check_tables(world: World, engine: str) -> None:
    """Every user and the first goods; order, cut, and the errors for what is not there."""
    users, weights = (opened(world, "database_operation", table=table, engine=engine) for table in ("users", "weights"))
    items = opened(world, "database_operation", table="items", engine=engine, top=3)
    for user in world.users[:50]:
        profile = users({"user": {"user_id": user.user_id}})["profile"]
        assert profile == {
            "user_id": user.user_id, "age": user.age, "gender": user.gender, "occupation": user.occupation, "history": list(user.history)
        }  # fmt: skip
        shares = weights({"profile": profile})["weights"]["weight"]
        assert shares == pytest.approx(list(user.weights))
        assert len(shares) == len(world.categories)
    goods = [world.items[position] for position in (5, 2, 9, 7)]
    details = items({"items": {"item_id": [good.item_id for good in goods]}})["details"]
    assert details["item_id"] == [good.item_id for good in goods[:3]]
    assert details["title"] == [good.title for good in goods[:3]]
    assert details["category"] == [good.category for good in goods[:3]]
    assert details["price"] == pytest.approx([good.price for good in goods[:3]])
    assert items({"items": {"item_id": []}})["details"] == {"item_id": [], "title": [], "category": [], "price": []}
    met = last_met(world)
    recent, suited = (
        opened(world, "database_operation", table="articles", order=o, engine=engine, limit=40) for o in ("recent", "interests")
    )
    for user in world.users[:20]:
        outputs = recent({"profile": {"user_id": user.user_id}})["items"]
        assert outputs["item_id"] == sorted(met, key=lambda i: (-met[i], i))[:40]
        assert outputs["popularity"] == pytest.approx([world.item[i].popularity for i in outputs["item_id"]])
        outputs = suited({"profile": {"user_id": user.user_id}})["items"]
        scores = {i.item_id: user.weights[i.category] * i.popularity for i in world.items}
        assert outputs["item_id"] == sorted(scores, key=lambda i: (-scores[i], i))[:40]
        assert outputs["category"] == [world.item[i].category for i in outputs["item_id"]]
    unknown: tuple[tuple[Work, dict[str, Any]], ...] = (
        (users, {"user": {"user_id": -1}}),
        (recent, {"profile": {"user_id": -1}}),
        (suited, {"profile": {"user_id": -1}}),
        (weights, {"profile": {"user_id": -1}}),
        (items, {"items": {"item_id": [goods[0].item_id, -1]}}),
    )
    for work, asked in unknown:
        with pytest.raises(LookupError):
            work(asked)
