"""Triton's timestamp trace: how long each request waited in the queue of its model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def queue_waits(path: Path) -> dict[tuple[int, str], int]:
    """(request id, model) → ns that the request waited in Triton's queue, from its timestamp trace; empty if there is no such file.

    The trace is a JSON array of events; those of one inference share an `id`, and one of them carries our request id. A server that
    was killed leaves the array open, perhaps within an event: what is whole before that counts.
    """
    if not path.is_file():
        return {}
    named: dict[Any, tuple[int, str]] = {}
    stamps: dict[Any, dict[str, int]] = {}
    for event in _events(path.read_text(encoding="utf-8", errors="replace")):
        if "model_name" in event and str(event.get("request_id", "")).isdigit():
            named[event["id"]] = (int(event["request_id"]), str(event["model_name"]))
        for stamp in event.get("timestamps", ()):
            stamps.setdefault(event["id"], {})[stamp["name"]] = int(stamp["ns"])
    waits = {}
    for key, name in named.items():
        times = stamps.get(key, {})
        if "QUEUE_START" in times and "COMPUTE_START" in times:
            waits[name] = times["COMPUTE_START"] - times["QUEUE_START"]
    return waits


def _events(text: str) -> Iterator[dict[str, Any]]:
    """The whole objects of a JSON array, which may be cut short anywhere."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            event, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return
        yield event
        at = text.find("{", end)
