"""Does the work of query_parsing `times` times for each request, and gives the last result, which is that of every time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aibenchrt.components.query_parsing.service import work
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared or kept
    times = int(settings["times"])

    def parse(inputs: Values) -> Values:
        for _ in range(times - 1):
            work(inputs)
        return work(inputs)

    return parse
