"""Reading a run directory: read_run(dir) gives one typed, immutable Run, or says what is wrong with the directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from aibenchrt.answers import ANSWER_TYPES, TRUTH_TYPES, AnswerType, Truth, TruthType, encoded_as
from aibenchrt.collect import schema, typed_values
from aibenchrt.collect.contents import CONTENTS, Contents
from aibenchrt.collect.decoded_frames import decoded_streams
from aibenchrt.collect.hashes import UNBOUND, Binding, binding
from aibenchrt.collect.kept_scores import EXPORT_FILE, SCORES_FILE, Exported, KeptScores
from aibenchrt.collect.plausible import check_calls, check_requests
from aibenchrt.collect.records import CallRecord, MachineRecord, RequestRecord, ResourceRecord, ScheduleRecord, ScoreRecord, TruthRecord
from aibenchrt.collect.run_info import RUN_FILE, RunInfo
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError, json_document, read_bytes
from aibenchrt.json_file import MOST_BYTES, JsonFileError, read_json
from aibenchrt.libraries import use_as_planned
from aibenchrt.plan import Plan
from aibenchrt.state_audit import AUDITS_FILE, StateAudits

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")

MEASURED, SUPPLEMENT = "measured", "supplement"
NO_AUDITS = StateAudits()


@dataclass(frozen=True)
class Run:
    """A run as read from its directory. triton: Triton's own model statistics, model name → its JSON, empty if it had no AI task. binding:
    its files compared with hashes.json. kept: of an export, which has scores in place of answers and truth; None: of a run itself.
    state_audits: empty where no task has a state with invariants, or nobody looked at it."""

    directory: Path
    info: RunInfo
    plan: Plan
    schedule: tuple[ScheduleRecord, ...]
    requests: tuple[RequestRecord, ...]
    calls: tuple[CallRecord, ...]
    resources: tuple[ResourceRecord, ...]
    machine: tuple[MachineRecord, ...]
    truth: tuple[TruthRecord, ...]
    triton: dict[str, Any]
    binding: Binding = UNBOUND
    kept: KeptScores | None = None
    state_audits: StateAudits = NO_AUDITS

    def phase(self, name: str) -> tuple[RequestRecord, ...]:
        """The requests of one phase in the order of their intended times."""
        return tuple(sorted((r for r in self.requests if r.phase == name), key=lambda r: (r.intended_ns, r.request_id)))

    @cached_property
    def measured(self) -> tuple[RequestRecord, ...]:
        return self.phase(MEASURED)

    @cached_property
    def calls_of(self) -> dict[int, tuple[CallRecord, ...]]:
        """Request id → its calls in the order of their starts."""
        grouped: dict[int, list[CallRecord]] = {}
        for call in self.calls:
            grouped.setdefault(call.request_id, []).append(call)
        return {key: tuple(sorted(calls, key=lambda c: (c.start_ns, c.task))) for key, calls in grouped.items()}

    @cached_property
    def _paired(self) -> frozenset[str]:
        return frozenset(request.name for request in self.plan.requests if request.pair_apart_s is not None)

    @cached_property
    def truth_of(self) -> dict[int, TruthRecord]:
        return {row.request_id: row for row in self.truth}

    @cached_property
    def contents(self) -> Contents:
        """The contents that are too large for a record."""
        return Contents(self.directory / CONTENTS)

    @cached_property
    def _values(self) -> dict[tuple[type[AnswerType | TruthType], str], Any]:
        return {}

    def _value(self, entries: Sequence[str], value_type: AnswerType | TruthType) -> Any:
        """The value of that type; None where there is none. A value in the records is decoded once."""
        entry = typed_values.entry_of(entries, value_type.name)
        if entry is None:
            return None
        key = (type(value_type), entry)
        if key in self._values:
            return self._values[key]
        value = typed_values.decode(entry, value_type, self.contents)
        if typed_values.is_inline(entry):
            self._values[key] = value
        return value

    def answer(self, request: RequestRecord, answer_type: str) -> Any:
        """The request's answer of that type; the type's `nothing` if the request failed or has none. What a record holds encoded is decoded
        with the rest of its stream.

        EnvironmentFailure AIB609: its record, or its content, is damaged.
        """
        kind, encoded = ANSWER_TYPES[answer_type], encoded_as(answer_type)
        value = self._value(request.answer, kind) if request.outcome == "ok" else None
        if value is None and encoded is not None and typed_values.entry_of(request.answer, encoded.name) is not None:
            value = self._pictures.get(request.request_id)
        return kind.nothing if value is None else value

    @cached_property
    def _pictures(self) -> dict[int, bytes]:
        """Request id → what its encoded frame shows."""
        clips = {request.name: request.clip for request in self.plan.requests}
        frame = ANSWER_TYPES["frame"]
        return decoded_streams(
            self.requests, self.schedule, clips, lambda one: self._value(one.answer, frame) if one.outcome == "ok" else None
        )

    def held_out(self, request_id: int, truth_type: str) -> Any:
        """The request's truth of that type; None if there is none to compare with. EnvironmentFailure AIB609 as answer()."""
        row, kind = self.truth_of.get(request_id), TRUTH_TYPES[truth_type]
        value = self._value(row.truth, kind) if row is not None else None
        return value if value is not None and kind.known(value) else None

    def cluster(self, request: RequestRecord) -> tuple[str, ...]:
        """The same for requests whose truths depend on each other: those of one cluster (TruthRecord), otherwise those of one payload or
        pair."""
        row = self.truth_of.get(request.request_id)
        if row is not None and row.cluster:
            return (row.cluster,)
        return (request.request_class, str(request.payload // 2 if request.request_class in self._paired else request.payload))

    def truth_values(self, request_id: int) -> Truth:
        """All of the request's truth, also what no answer can be compared with. EnvironmentFailure AIB609 as answer()."""
        row = self.truth_of.get(request_id)
        values = {name: self._value(row.truth, kind) for name, kind in TRUTH_TYPES.items()} if row is not None else {}
        return {name: value for name, value in values.items() if value is not None}


def read_run(directory: Path) -> Run:
    """Raises EnvironmentFailure AIB609 where the directory holds no run of this version, or one that was completed and is not whole.

    Its libraries are in use from then on: AIB696 to AIB699 where they cannot be.

    Of a run that ended early anything but run.json and the plan may be missing, and is empty then: it is judged, INVALID.
    """
    if not directory.is_dir():
        raise EnvironmentFailure("AIB661", directory=directory)
    info = read_model(directory / RUN_FILE, RunInfo)
    whole = info.outcome == "completed"

    def read(name: str, row_class: type[R]) -> tuple[R, ...]:
        return schema.read(directory / name, row_class) if whole or (directory / name).exists() else ()

    plan = read_model(directory / "plan.json", Plan)
    use_as_planned(plan.libraries)
    run = Run(
        directory=directory,
        info=info,
        plan=plan,
        schedule=read("schedule.parquet", ScheduleRecord),
        requests=read("requests.parquet", RequestRecord),
        calls=read("calls.parquet", CallRecord),
        resources=read("resources.parquet", ResourceRecord),
        machine=schema.read(directory / "machine.parquet", MachineRecord) if (directory / "machine.parquet").exists() else (),
        truth=read("truth.parquet", TruthRecord),
        triton=_triton(directory / "triton.json") if whole or (directory / "triton.json").exists() else {},
        binding=binding(directory),
        kept=_kept(directory),
        state_audits=read_model(directory / AUDITS_FILE, StateAudits) if (directory / AUDITS_FILE).exists() else NO_AUDITS,
    )
    try:
        check_requests(plan, run.requests)
        check_calls(plan, run.calls)
    except InputFileError as error:
        raise unreadable(directory / "requests.parquet", str(error)) from error
    if whole and not run.measured:
        raise unreadable(directory / "requests.parquet", "it has no measured request")
    return run


def read_model(path: Path, model: type[M]) -> M:
    """A JSON file of the run directory. Raises EnvironmentFailure AIB609 where it is missing or not of this model."""
    if not path.exists():
        raise unreadable(path, "the file is missing")
    try:
        return read_json(path, model)
    except JsonFileError as error:
        raise unreadable(path, str(error)) from error


def _kept(directory: Path) -> KeptScores | None:
    if not (directory / EXPORT_FILE).exists():
        return None
    return KeptScores(read_model(directory / EXPORT_FILE, Exported), schema.read(directory / SCORES_FILE, ScoreRecord))


def _triton(path: Path) -> dict[str, Any]:
    try:
        document = json_document(read_bytes(path, MOST_BYTES))
    except InputFileError as error:
        raise unreadable(path, str(error)) from error
    if not isinstance(document, dict):
        raise unreadable(path, "it is not a JSON object")
    return document
