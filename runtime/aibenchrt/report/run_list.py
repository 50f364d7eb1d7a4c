"""The run directories of a folder, each with what its run.json and verdict.json say; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aibenchrt.collect.recorded_run import read_model
from aibenchrt.collect.run_info import RUN_FILE, RunInfo
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report.make import VERDICT_JSON
from aibenchrt.report.model import Verdict
from aibenchrt.report.series.model import FOLDER_NAME
from aibenchrt.report.tables import ABSENT, Table
from aibenchrt.report.verdict import counts

_LEGEND = (
    "Judged: what `validate` or `report` wrote last into the directory. The load and its data are those of run.json. A directory whose "
    "files cannot be read is listed with the reason."
)


class ListedRun(BaseModel):
    """One directory. started: UTC; outcome: of the run; judged: 'VALID, 2 PASS', 'INVALID by V08', '' if it was not judged; problem: why it
    cannot be read, and then the rest is empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: str
    scenario: str = ""
    started: str = ""
    outcome: str = ""
    load: str = ""
    fingerprint: str = ""
    judged: str = ""
    problem: str = ""


def run_list(folder: Path) -> tuple[ListedRun, ...]:
    """Every directory of the folder, and of the series in it, with a run.json, the earliest first. EnvironmentFailure AIB661: there is no
    such folder."""
    if not folder.is_dir():
        raise EnvironmentFailure("AIB661", directory=folder)
    paths = (*folder.glob(f"*/{RUN_FILE}"), *folder.glob(f"{FOLDER_NAME}*/*/{RUN_FILE}"))
    rows = [_listed(path.parent) for path in sorted(paths)]
    return tuple(sorted(rows, key=lambda row: (row.started, row.directory)))


def _listed(directory: Path) -> ListedRun:
    try:
        info = read_model(directory / RUN_FILE, RunInfo)
        judged = _judged(directory)
    except EnvironmentFailure as failure:
        return ListedRun(directory=str(directory), problem=failure.message)
    return ListedRun(
        directory=str(directory),
        scenario=info.scenario,
        started=info.started_utc,
        outcome=info.outcome,
        load=info.fingerprint.load,
        fingerprint=info.fingerprint.hash,
        judged=judged,
    )


def _judged(directory: Path) -> str:
    path = directory / VERDICT_JSON
    if not path.exists():
        return ""
    verdict = read_model(path, Verdict)
    if verdict.valid:
        return ", ".join(part for part in ("VALID", counts(verdict.judgements)) if part)
    return f"INVALID by {', '.join(dict.fromkeys(reason.code for reason in verdict.reasons))}"


def run_table(rows: Sequence[ListedRun]) -> Table:
    cells = tuple(
        (row.directory, row.scenario, row.started, row.outcome, row.load, row.fingerprint, row.problem or row.judged or ABSENT)
        for row in rows
    )
    return Table("runs", "Runs", ("directory", "scenario", "started", "outcome", "load", "fingerprint", "judged"), cells, _LEGEND)
