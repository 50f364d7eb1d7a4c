"""Whether the files of the run are those that it ended with."""

from __future__ import annotations

from aibenchrt.collect.hashes import HASHES
from aibenchrt.collect.recorded_run import Run
from aibenchrt.report.checks.check import check
from aibenchrt.report.model import Check

NOT_BOUND = "not bound: this run is from before its files were bound by hashes, so nobody can tell whether they were changed"
_MOST_NAMES = 4


def file_checks(run: Run) -> list[Check]:
    bound = run.binding
    limit = f"as {HASHES} says"
    if not bound.root:  # a run that names its code was made by a program that writes the hashes, too
        return [check("V18", run.info.code is None, NOT_BOUND if run.info.code is None else f"{HASHES} is missing", limit)]
    names = ", ".join(bound.changed[:_MOST_NAMES]) + (
        f" and {len(bound.changed) - _MOST_NAMES} more" if len(bound.changed) > _MOST_NAMES else ""
    )
    made_from = f", an export of the run with root {run.kept.exported.made_from}" if run.kept is not None else ""
    whole = f"{bound.files} files, root {bound.root}{made_from}"
    return [check("V18", not bound.changed, f"changed: {names}" if names else whole, limit)]
