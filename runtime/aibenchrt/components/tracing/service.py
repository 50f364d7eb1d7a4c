"""Tracing: writes a span for each call whose value it observes, in OpenTelemetry's model (trace, span and parent ids).

JSON lines in `<state>/spans/spans.jsonl`: traceId (32 hex digits, from the request), spanId and parentSpanId (16, from request and task),
name, start and end in ns by the planner's clock, as in the run's call records, and attributes: port, type and bytes of the value. Either
all spans of a request are written or none: `sample` out of a thousand requests, decided by a hash of the request's id. Not synced to disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aibenchrt.components.event_log.service import append
from aibenchrt.values import Value, Values, Work, listed


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    path = state / "spans" / "spans.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    sample = int(settings["sample"])

    def work(inputs: Values) -> Values:
        spans = [span(value) for value in listed(inputs, "value") if is_sampled(value["request_id"], sample)]
        if spans:
            append(path, "".join(f"{json.dumps(record, separators=(',', ':'))}\n" for record in spans).encode(), sync=False)
        return {}

    return work


def read_spans(state: Path) -> Iterator[dict[str, Any]]:
    """The spans in a run's state folder, in the order in which they were written. ValueError: a line is incomplete."""
    path = state / "spans" / "spans.jsonl"
    if path.is_file():
        yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


def span(value: Value) -> dict[str, Any]:
    """The span of the call that produced this value of type Any."""
    request = value["request_id"]
    return {
        "traceId": _digits(f"{request}", 16),
        "spanId": _digits(f"{request}:{value['task']}", 8),
        "parentSpanId": _digits(f"{request}:{value['parent']}", 8) if value["parent"] else "",
        "name": value["task"],
        "startTimeNano": value["start_ns"],
        "endTimeNano": value["end_ns"],
        "attributes": {"port": value["port"], "type": value["type"], "bytes": len(value["content"])},
    }


def is_sampled(request_id: int, sample: int) -> bool:
    """Whether this request is among the `sample` in a thousand that are traced; the same answer in every process."""
    return int(_digits(f"sample {request_id}", 8), 16) % 1000 < sample


def _digits(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
