"""What logging is measured with: Details values of ten items, as it observes them."""

from __future__ import annotations

from typing import Any

from aibenchrt.values import Values
from aibenchrt.wire.any_value import encode
from aibenchrt.workload import OpenService, Workload

COUNT = 500


def passing(_world: object, _open: OpenService) -> list[Values]:
    details = {"item_id": list(range(10)), "title": ["a title of some words"] * 10, "category": [1] * 10, "price": [9.99] * 10}
    origin = {"task": "summary", "parent": "rank", "port": "details", "type": "Details", "start_ns": 0, "end_ns": 1_000_000}
    content = encode("Details", details)
    inputs: list[Any] = [{"value": [{**origin, "request_id": number, "content": content}]} for number in range(COUNT)]
    return inputs


WORKLOADS = (Workload(passing), Workload(passing, (), {"sync": "always"}, "sync always"))
