"""Triton's timestamp trace: how long each request waited in the queue of its model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aibenchrt.collect.unreadable import unreadable
from aibenchrt.input_file import MIB, InputFileError, read_bytes

MOST_BYTES = 2048 * MIB
_REQUEST = re.compile(r"[0-9]{1,18}")


QueueWaits = Mapping[tuple[int, str], int]  # (request id, model) → ns


def queue_waits(path: Path) -> dict[tuple[int, str], int]:
    """(request id, model) → ns that the request waited in Triton's queue, from its timestamp trace; empty if there is no such file.

    The trace is a JSON array of events; those of one inference share an `id`, and one of them carries our request id. A server that
    was killed leaves the array open, perhaps within an event: what is whole before that counts. EnvironmentFailure AIB609: something in
    it is no event.
    """
    if not path.exists():
        return {}
    named: dict[int, tuple[int, str]] = {}
    stamps: dict[int, dict[str, int]] = {}
    try:
        for event in _events(read_bytes(path, MOST_BYTES).decode(errors="replace")):
            if "model_name" in event and _REQUEST.fullmatch(str(event.get("request_id", ""))):
                named[int(event["id"])] = (int(event["request_id"]), str(event["model_name"]))
            for stamp in event.get("timestamps", ()):
                stamps.setdefault(int(event["id"]), {})[str(stamp["name"])] = int(stamp["ns"])
    except InputFileError as error:
        raise unreadable(path, str(error)) from error
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise unreadable(path, "an event in it is none of Triton's") from error
    waits = {}
    for key, name in named.items():
        times = stamps.get(key, {})
        if "QUEUE_START" in times and "COMPUTE_START" in times:
            waits[name] = max(0, times["COMPUTE_START"] - times["QUEUE_START"])
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
