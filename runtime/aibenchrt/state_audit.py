"""What is checked of a component's state when a run has ended: its invariants, each with what violates it.

A component that declares it (`ComponentSpec.audited`) has a module `state_audit` in its package:

    audit(state, prepared, settings) -> Audited     state: the folder of the run's states; prepared: the stage's prepared folder

It reads, and writes nothing. It raises where there is nothing that it could check: OSError, EnvironmentFailure.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from aibenchrt.json_file import read_json
from aibenchrt.whole_file import write_text

AUDITS_FILE = "state_audits.json"
MOST_BYTES = 4 << 20
MOST_SHOWN = 10  # violations of one invariant
_MOST_INVARIANTS, _MOST_STAGES = 50, 200

Line = Annotated[str, Field(max_length=400)]
Name = Annotated[str, Field(max_length=100)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Invariant(_Frozen):
    """name: what must hold, such as 'no money made or lost'. violations: a sentence each, at most MOST_SHOWN; more: how many others."""

    name: Name
    violations: Annotated[tuple[Line, ...], Field(max_length=MOST_SHOWN)] = ()
    more: Annotated[int, Field(ge=0)] = 0

    @property
    def count(self) -> int:
        return len(self.violations) + self.more


class Audited(_Frozen):
    """counted: what was looked at, such as '412 payments booked between 120 accounts'."""

    counted: Line
    invariants: Annotated[tuple[Invariant, ...], Field(max_length=_MOST_INVARIANTS)]


class StateAudit(_Frozen):
    """Of one stage. audited None: it could not be checked, for the reason that `missing` gives."""

    stage: Name
    component: Name
    audited: Audited | None
    missing: Line = ""


class StateAudits(_Frozen):
    """state_audits.json."""

    version: Literal[1] = 1
    audits: Annotated[tuple[StateAudit, ...], Field(max_length=_MOST_STAGES)] = ()


def invariant(name: str, violations: Iterable[str]) -> Invariant:
    """violations: of any number and length."""
    every = iter(violations)
    shown = tuple(line if len(line) <= 400 else f"{line[:399]}…" for line in islice(every, MOST_SHOWN))
    return Invariant(name=name, violations=shown, more=sum(1 for _ in every))


def write_audits(file: Path, audits: StateAudits) -> None:
    write_text(file, audits.model_dump_json(indent=1) + "\n")


def read_audits(path: Path) -> StateAudits:
    """JsonFileError: it is no such file, or a larger one than any audit is."""
    return read_json(path, StateAudits, MOST_BYTES)
