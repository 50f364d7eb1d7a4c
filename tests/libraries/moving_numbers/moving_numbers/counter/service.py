"""Counts the frames that it has seen of a stream: what a replica answers shows which frames reached it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared or kept
    every, slow_s = int(settings.get("slow_every", 0)), int(settings.get("slow_ms", 0)) / 1000
    seen: Counter[int] = Counter()
    lock = Lock()

    def count(inputs: Values) -> Values:
        moment = inputs["moment"]
        if every and moment["number"] % every == 0:
            time.sleep(slow_s)  # stands for work
        with lock:
            seen[moment["stream"]] += 1
            return {"frames": {"value": seen[moment["stream"]]}}

    return count
