"""Cache store: keeps an answer for the next time the same user sends the same query. Photos have no query and are not stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aibenchrt.components.cache_lookup.store import AnswerCache
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    cache = AnswerCache(state, str(settings["table"]))
    capacity = int(settings["capacity"])

    def work(inputs: Values) -> Values:
        query = inputs.get("query")
        if query is not None:
            cache.store(inputs["user"]["user_id"], query["text"], inputs["details"], capacity)
        return {}

    return work
