"""A run without what may not be passed on: no payloads, answers and truth, no names of hosts, users and programs, no paths, no free text.

Names are replaced where a field holds nothing else; no text is searched for them, so that a host called 'run' changes nothing but its own
name. Text that a machine or a user wrote (errors, reasons, command lines) is left out. What the spec, data sets and components call things
stays; where such a text holds an absolute path or an address, the whole of it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from aibenchrt.answers import shown_by
from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.collect.run_info import ClockInfo, HostInfo, RunInfo
from aibenchrt.metrics import METRICS
from aibenchrt.plan import Plan
from aibenchrt.report.degraded_replicas import cause
from aibenchrt.report.export.names import LOOPBACK, Names
from aibenchrt.report.figures import MESSAGE_CHARACTERS
from aibenchrt.state_audit import Invariant, StateAudit, StateAudits

LEFT_OUT = "(left out)"
NOT_IN_IT = (
    "payloads, answers and truth: requests.parquet and truth.parquet have none, scores.parquet has the scores",
    "error messages of requests and calls: equal ones have the same number, and the name of a gRPC status",
    "what violates the invariants of a state; how many violations there are is kept",
    "the labels that classifiers said, in the notes of calls",
    "command lines; reasons and details of stages, processes, outages, attempts and missing records; the text of an expected fault",
    "what follows the number of a kernel's version",
    "load.json, Triton's own statistics, logs/, state, pictures, report.html, ablation.json, and everything else in the run directory",
)
KEPT = (
    "names and texts of the spec: scenario, deployment, classes, tasks, choices, settings, references",
    "texts of data sets and components: licences, provenance, protocols; names and versions of packages and libraries",
    "processors, cores, memory and operating systems; when the run was started; payloads and users by numbers",
)
_RUN_ID = re.compile(r"-\d{8}-\d{6}(-\d+)?")
_KERNEL = re.compile(r"\d+(\.\d+)*")
_STATUS = re.compile(
    r"\b(CANCELLED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|RESOURCE_EXHAUSTED|"
    r"FAILED_PRECONDITION|ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|UNAUTHENTICATED)\b"
)
_PATH = re.compile(r"""(?:^|[\s"'=(,;\[{:])(?:file://)?/[^\s/]+/[^\s/]|(?:^|[\s"'=(,;])~/|[A-Za-z]:\\""")
_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|\b[0-9a-fA-F]{1,4}(?:::?[0-9a-fA-F]{1,4}){3,}")


@dataclass(frozen=True)
class Cleaned:
    """run: as the export holds it. texts: the places whose whole text was left out, as it held a path or an address."""

    run: Run
    replaced: dict[str, int]
    texts: tuple[str, ...]


def cleaned(run: Run) -> Cleaned:
    names, errors = Names(), _Errors()
    texts: list[str] = []
    for host in run.plan.hosts:
        names.of("host", host.name)
    info = _without_places(_info(run, names), "run", texts)
    plan = _without_places(_plan(run.plan, names), "plan", texts)
    labels = _label_ports(run.plan)
    own = replace(
        run,
        info=RunInfo.model_validate(info),
        plan=Plan.model_validate(plan),
        requests=tuple(_request(request, names, errors) for request in run.requests),
        calls=tuple(_call(call, labels, names, errors) for call in run.calls),
        machine=tuple(replace(row, host=names.of("host", row.host)) for row in run.machine),
        truth=tuple(replace(row, truth=(), cluster=names.of("cluster", row.cluster)) for row in run.truth),
        triton={},
        state_audits=StateAudits(audits=tuple(_audit(audit) for audit in run.state_audits.audits)),
    )
    return Cleaned(own, names.counts(), tuple(texts))


def _audit(audit: StateAudit) -> StateAudit:
    """How much violates each invariant, without the sentences that say what."""
    missing = LEFT_OUT if audit.missing else ""
    if audit.audited is None:
        return audit.model_copy(update={"missing": missing})
    counts = tuple(Invariant(name=invariant.name, more=invariant.count) for invariant in audit.audited.invariants)
    return audit.model_copy(update={"missing": missing, "audited": audit.audited.model_copy(update={"invariants": counts})})


class _Errors:
    """Error messages by numbers."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, message: str, said: str) -> str:
        """said: what of the message reports tell apart."""
        if not message:
            return ""
        status = _STATUS.search(message)
        return self._known.setdefault(said, f"error {len(self._known) + 1}{f' ({status[1]})' if status else ''}")


def _request(request: RequestRecord, names: Names, errors: _Errors) -> RequestRecord:
    error = errors.of(request.error, request.error[:MESSAGE_CHARACTERS])
    return replace(request, error=error, answer=(), planner=names.endpoint(request.planner))


def _call(call: CallRecord, labels: frozenset[tuple[str, str]], names: Names, errors: _Errors) -> CallRecord:
    note = tuple(entry for entry in call.note if (call.task, entry.partition("=")[0]) not in labels)
    return replace(call, endpoint=names.endpoint(call.endpoint), error=errors.of(call.error, cause(call)), note=note)


def _label_ports(plan: Plan) -> frozenset[tuple[str, str]]:
    """(task, port) of the labels that the planner notes."""
    label = METRICS["accuracy"].answer
    return frozenset((step.task, port.name) for step in plan.steps for port in step.outputs if label in shown_by((port.type,)))


def _plan(plan: Plan, names: Names) -> dict[str, Any]:
    hosts = tuple(
        host.model_copy(update={"name": names.of("host", host.name), "address": names.address(host.address)}) for host in plan.hosts
    )
    services = tuple(
        service.model_copy(update={"endpoints": tuple(map(names.endpoint, service.endpoints)), "hosts": names.every("host", service.hosts)})
        for service in plan.services
    )
    update = {"hosts": hosts, "services": services, "generators": names.every("host", plan.generators)}
    return plan.model_copy(update=update).model_dump(mode="json")


def _info(run: Run, names: Names) -> dict[str, Any]:
    info = run.info
    known = bool(_RUN_ID.fullmatch(info.run_id.removeprefix(info.scenario)))
    run_id = info.run_id if known else f"{info.scenario}-{run.binding.root[:8]}"
    update: dict[str, Any] = {
        "run_id": run_id,
        "deployment_id": run_id if info.deployment_id == info.run_id else names.of("deployment", info.deployment_id),
        "commands": (),
        "hosts": tuple(_host(host, names) for host in info.hosts),
        "stages": _with(info.stages, detail=_left_out),
        "processes": _with(info.processes, host=lambda host: names.of("host", host), reason=_left_out),
        "outages": _with(info.outages, host=lambda host: names.of("host", host), reason=_left_out),
        "bystanders": _with(info.bystanders, name=lambda name: names.of("program", name), host=lambda host: names.of("host", host)),
        "attempts": _with(info.attempts, folder=lambda folder: names.of("attempt", folder), reason=_left_out),
        "generators": tuple(
            shard.model_copy(update={"host": names.of("host", shard.host), "clocks": _clocks(shard.clocks, names)})
            for shard in info.generators
        ),
        "missing": tuple(map(_left_out, info.missing)),
        "fault": _left_out(info.fault),
    }
    return info.model_copy(update=update).model_dump(mode="json")


def _host(host: HostInfo, names: Names) -> HostInfo:
    kernel = _KERNEL.match(host.kernel)
    update = {
        "name": names.of("host", host.name),
        "machine": names.of("machine", host.machine),
        "kernel": kernel[0] if kernel else "",
    }
    return host.model_copy(update=update)


def _clocks(clocks: Iterable[ClockInfo], names: Names) -> tuple[ClockInfo, ...]:
    return tuple(clock.model_copy(update={"planner": names.endpoint(clock.planner)}) for clock in clocks)


def _with(rows: Iterable[Any], **changes: Callable[[str], str]) -> tuple[Any, ...]:
    """The rows with these fields changed."""
    return tuple(row.model_copy(update={field: change(getattr(row, field)) for field, change in changes.items()}) for row in rows)


def _left_out(text: str) -> str:
    return LEFT_OUT if text else ""


def _without_places(value: Any, place: str, texts: list[str]) -> Any:
    """The document without texts that hold an absolute path or an address; their places are added to texts."""
    if isinstance(value, dict):
        return {key: _without_places(own, f"{place}.{key}", texts) for key, own in value.items()}
    if isinstance(value, list):
        return [_without_places(own, f"{place}[{number}]", texts) for number, own in enumerate(value)]
    if isinstance(value, str) and names_a_place(value):
        texts.append(place)
        return LEFT_OUT
    return value


def names_a_place(text: str) -> bool:
    """Whether the text holds an absolute path, or an address other than loopback."""
    return bool(_PATH.search(text)) or any(not LOOPBACK.fullmatch(found[0]) for found in _ADDRESS.finditer(text))
