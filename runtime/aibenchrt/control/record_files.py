"""After a run: the planners' call records joined with Triton's trace, as Parquet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from aibenchrt.answers import TRUTH_TYPES
from aibenchrt.catalog import DATASETS
from aibenchrt.collect import schema, typed_values
from aibenchrt.collect.contents import CONTENTS, Contents
from aibenchrt.collect.merge import read_issued, read_requests
from aibenchrt.collect.records import QUEUE_UNKNOWN, CallRecord, MachineRecord, RequestRecord, ResourceRecord, ScheduleRecord, TruthRecord
from aibenchrt.control.triton_trace import QueueWaits
from aibenchrt.datasets.payload import Payload
from aibenchrt.plan import Plan


def joined_calls(recorded: Iterable[CallRecord], waits: QueueWaits, requests: Sequence[RequestRecord]) -> list[CallRecord]:
    """Calls of these requests, in order of their starts. The queueing time of an AI call is taken from Triton's trace; it is 0, and noted
    as QUEUE_UNKNOWN, if a Triton that was killed had not written it.
    """
    request_ids = {request.request_id for request in requests}
    calls = []
    for call in recorded:
        if call.request_id in request_ids:
            wait = waits.get((call.request_id, call.task)) if call.kind == "ai" else None
            if wait is not None:
                call = replace(call, queue_ns=wait)
            elif call.kind == "ai" and call.outcome == "ok":
                call = replace(call, note=(*call.note, QUEUE_UNKNOWN))
            calls.append(call)
    return sorted(calls, key=lambda call: (call.start_ns, call.request_id, call.task))


def requests_of(folders: Sequence[Path]) -> list[RequestRecord]:
    """The requests that the load generators recorded. One that was killed recorded those that had ended by then."""
    return [request for folder in folders if read_issued(folder) for request in read_requests(folder)]


def truth_of(rows: Sequence[ScheduleRecord], plan: Plan, payloads: dict[str, list[Payload]], contents: Contents) -> list[TruthRecord]:
    """contents: where large truth goes."""
    clustered_by = {request.name: DATASETS[plan.datasets[request.dataset]].clustered_by for request in plan.requests}

    @cache
    def encoded(request_class: str, payload: int) -> tuple[tuple[str, ...], str]:
        content = payloads[request_class][payload]
        return typed_values.encode(content.truth, TRUTH_TYPES, contents), _cluster(content, clustered_by[request_class])

    return [TruthRecord(row.request_id, *encoded(row.request_class, row.payload)) for row in rows]


def _cluster(payload: Payload, by: str) -> str:
    """The hash of the value of a port, or of a field of it ('shot.clip'), which may be large or name somebody; '' if the payload has
    none."""
    port, _, field = by.partition(".")
    value = payload.values.get(port)
    if value is not None and field:
        value = {field: value[field]}
    return "" if value is None else hashlib.sha256(repr(sorted(value.items())).encode()).hexdigest()[:16]


def write_records(
    directory: Path,
    schedule: Sequence[ScheduleRecord],
    requests: Sequence[RequestRecord],
    calls: Sequence[CallRecord],
    resources: Sequence[ResourceRecord],
    machine: Sequence[MachineRecord],
    plan: Plan,
    payloads: dict[str, list[Payload]],
    generators: Sequence[Path],
) -> None:
    """generators: the folders whose records these are; their large answers go to the run's.

    EnvironmentFailure AIB605: the disk is full; AIB609: a large answer is damaged.
    """
    contents = Contents(directory / CONTENTS)
    large = [sha256 for request in requests for entry in request.answer if (sha256 := typed_values.content_of(entry))]
    for folder in generators:
        contents.take_in(folder / CONTENTS, large)
    truth = truth_of(schedule, plan, payloads, contents)
    contents.close()
    schema.write(directory / "schedule.parquet", schedule, ScheduleRecord)
    schema.write(directory / "requests.parquet", requests, RequestRecord)
    schema.write(directory / "calls.parquet", calls, CallRecord)
    schema.write(directory / "resources.parquet", resources, ResourceRecord)
    schema.write(directory / "machine.parquet", machine, MachineRecord)
    schema.write(directory / "truth.parquet", truth, TruthRecord)
