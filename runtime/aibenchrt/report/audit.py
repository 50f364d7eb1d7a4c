"""audit.json: the audit of one run, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.exit_codes import ExitCode
from aibenchrt.report.model import Estimate, Status
from aibenchrt.report.verdict import exit_code

AUDIT_FILE = "audit.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerScores(_Frozen):
    """A metric on the answers to the same requests: again minus under load. tolerance: what the interval may reach."""

    metric: str
    difference: Estimate
    tolerance: float
    status: Status


class Answers(_Frozen):
    """asked: requests of the sample; compared: those answered both times that took the same arms; equal: of them, those with the same
    whole answer; other_arms: the choices led elsewhere; failed: no answer. differing: the first of the others, by their ids."""

    asked: int
    compared: int
    equal: int
    other_arms: int
    failed: int
    differing: tuple[int, ...]
    scores: tuple[AnswerScores, ...]
    status: Status
    reason: str


class Repeats(_Frozen):
    """Repeats of payloads beside the first time of each. scope: 'class' (sent to answered), 'component' (one call).

    payloads: how many have both on the same arms; other_arms: repeats that took others. ratio: geometric mean of repeat over first, None
    where there are too few payloads; limit: below which it is a hidden cache. share: of the time of first requests, of components.
    """

    scope: Literal["class", "component"]
    name: str
    payloads: int
    other_arms: int
    ratio: Estimate | None
    limit: float
    share: float | None
    status: Status
    reason: str


class Audit(_Frozen):
    """run, again: ids of the measured run and of the deployment that was asked again. root: the run's. run_valid: whether the run itself
    was; the audit says nothing of that."""

    version: Literal[1] = 1
    run: str
    root: str
    again: str
    run_valid: bool
    answers: Answers
    repeats: tuple[Repeats, ...]

    @property
    def statuses(self) -> tuple[Status, ...]:
        return (self.answers.status, *(row.status for row in self.repeats))

    @property
    def exit_code(self) -> ExitCode:
        return exit_code(True, self.statuses)
