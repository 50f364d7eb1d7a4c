"""Whether records can be those of a plan. What a host, or a run directory of somebody else, holds is looked at first."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aibenchrt.answers import ANSWER_TYPES
from aibenchrt.collect import typed_values
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError
from aibenchrt.plan import Plan

PHASES = ("warmup", "measured", "supplement")
REQUEST_OUTCOMES = ("ok", "failed", "timeout", "not_sent")
CALL_OUTCOMES = ("ok", "failed", "cancelled")
_ARM = re.compile(r".+=[0-9]{1,6}", re.DOTALL)
_STAGE = re.compile(r".+=[0-9]{1,18}", re.DOTALL)


def check_requests(plan: Plan, requests: Iterable[RequestRecord]) -> None:
    """InputFileError: one of them is none of the plan's."""
    classes = {request.name for request in plan.requests}
    for request in requests:
        fault = (
            f"the class {request.request_class[:80]!r}"
            if request.request_class not in classes
            else f"the phase {request.phase[:80]!r}"
            if request.phase not in PHASES
            else f"the outcome {request.outcome[:80]!r}"
            if request.outcome not in REQUEST_OUTCOMES
            else "a negative number"
            if min(request.request_id, request.payload, request.planner_ns, request.planner_queue_ns) < 0
            else "an answer before it was sent"
            if request.done_ns and request.done_ns < request.sent_ns
            else "an end before its intended time"
            if request.outcome != "not_sent" and request.done_ns < request.intended_ns
            else "an arm that is none"
            if not all(map(_ARM.fullmatch, request.arms))
            else ""
        )
        if fault:
            raise InputFileError(f"request {request.request_id} has {fault}")


def check_calls(plan: Plan, calls: Iterable[CallRecord]) -> None:
    """InputFileError: one of them is none of the plan's."""
    kinds = {step.task: step.kind for step in plan.steps}
    for call in calls:
        fault = (
            f"the task {call.task[:80]!r}"
            if kinds.get(call.task) != call.kind
            else f"the outcome {call.outcome[:80]!r}"
            if call.outcome not in CALL_OUTCOMES
            else "a negative number"
            if min(call.request_id, call.queue_ns, call.service_ns) < 0
            else "an end before its start"
            if call.end_ns < call.start_ns
            else "a stage that is none"
            if not all(map(_STAGE.fullmatch, call.stages))
            else ""
        )
        if fault:
            raise InputFileError(f"a call of request {call.request_id} has {fault}")


def check_answers(requests: Iterable[RequestRecord], contents: Contents) -> None:
    """InputFileError: an answer cannot be read, or what it refers to is missing or damaged. Equal texts are looked at once."""
    known: set[str] = set()
    for request in requests:
        for entry in request.answer:
            if entry in known:
                continue
            name = re.split("[=:@]", entry, maxsplit=1)[0]
            if name not in ANSWER_TYPES:
                raise InputFileError(f"request {request.request_id} has an answer of no type: {entry[:80]!r}")
            try:
                typed_values.decode(entry, ANSWER_TYPES[name], contents)
            except EnvironmentFailure as failure:
                raise InputFileError(f"an answer to request {request.request_id} cannot be read") from failure
            known.add(entry)
