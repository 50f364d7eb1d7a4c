"""Cache lookup: the answer that this user got to the same query before, if it is still stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aibenchrt.components.cache_lookup.store import AnswerCache
from aibenchrt.values import Value, Values, Work

NOTHING: Value = {"item_id": [], "title": [], "category": [], "price": []}


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    cache = AnswerCache(state, str(settings["table"]))

    def work(inputs: Values) -> Values:
        query = inputs["query"]
        details = cache.lookup(inputs["user"]["user_id"], query["text"])
        return {"details": details if details is not None else NOTHING, "hit": {"value": details is not None}, "query": query}

    return work
