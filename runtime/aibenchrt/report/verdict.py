"""The verdict: first VALID or INVALID, with coded reasons against limits that are data; then a status for each slo, quality, reference.

PASS only where the whole 95 % interval lies inside the target, FAIL where it lies wholly outside, else INCONCLUSIVE; what was recorded of
several deployments is judged by reference_rule.py. References are judged only on a matching fingerprint; elsewhere they are NOT COMPARABLE,
which is never a pass. What was measured while a fault was expected (`run --expect-fault`) is INCONCLUSIVE at best: the deployment was not
what the plan says, however good its figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aibenchrt.collect.hashes import SHOWN_DIGITS
from aibenchrt.collect.recorded_run import Run
from aibenchrt.exit_codes import ExitCode, gravest
from aibenchrt.report.model import Check, Judgement, Reason, Status, Verdict
from aibenchrt.report.validity import Limits

_DECIDING: tuple[Status, ...] = ("PASS", "FAIL", "INCONCLUSIVE")


@dataclass(frozen=True)
class Band:
    """What a measured interval must lie in: low ≤ x ≤ high."""

    low: float
    high: float


def judge(low: float, high: float, band: Band) -> Status:
    """PASS: the interval [low, high] lies inside the band; FAIL: wholly outside; else INCONCLUSIVE."""
    if band.low <= low and high <= band.high:
        return "PASS"
    if high < band.low or low > band.high:
        return "FAIL"
    return "INCONCLUSIVE"


def exit_code(valid: bool, statuses: Sequence[Status], fault: str = "") -> ExitCode:
    """Of `aibenchc validate`: INVALID goes before every status of a target; PASS and NOT COMPARABLE are OK. fault: one that was expected;
    such a run is INCONCLUSIVE at best, also without any target."""
    if not valid:
        return ExitCode.INVALID
    codes = {"FAIL": ExitCode.FAIL, "INCONCLUSIVE": ExitCode.INCONCLUSIVE}
    return gravest((*(codes.get(status, ExitCode.OK) for status in statuses), ExitCode.INCONCLUSIVE if fault else ExitCode.OK))


def undecided(judgements: Sequence[Judgement], reason: str, of: Sequence[Status] = _DECIDING) -> tuple[Judgement, ...]:
    """The judgements, those with a status `of` made INCONCLUSIVE for this reason. NOT COMPARABLE says nothing of a run and stays; so
    does an invariant that is violated, for which it does not matter how the run was measured."""
    return tuple(
        j.model_copy(update={"status": "INCONCLUSIVE", "reason": reason})
        if j.status in of and (j.group, j.status) != ("invariant", "FAIL")
        else j
        for j in judgements
    )


def verdict(run: Run, reasons: tuple[Reason, ...], checks: tuple[Check, ...], judgements: tuple[Judgement, ...], limits: Limits) -> Verdict:
    """Assembles the verdict. In an INVALID run every status but NOT COMPARABLE becomes INCONCLUSIVE, since its figures prove nothing, but
    for a violated invariant; under an expected fault every PASS does."""
    fault = run.info.fault
    if reasons:
        judgements = undecided(judgements, "the run is INVALID")
    elif fault:
        judgements = undecided(judgements, f"measured during an expected fault: {fault}", ("PASS",))
    return Verdict(
        run_id=run.info.run_id,
        root=run.binding.root,
        valid=not reasons,
        reasons=reasons,
        checks=checks,
        limits=limits.model_dump(),
        judgements=judgements,
        fingerprint=run.info.fingerprint.hash,
        exit_code=exit_code(not reasons, [j.status for j in judgements], fault),
        fault=fault,
        exported_from=run.kept.exported.made_from if run.kept is not None else "",
    )


def export_text(verdict: Verdict) -> str:
    """What a reader of an export's figures must know; '' of a run itself."""
    if not verdict.exported_from:
        return ""
    return f"from an export of the run with root {verdict.exported_from[:SHOWN_DIGITS]}: quality from kept scores of each request"


def counts(judgements: Sequence[Judgement]) -> str:
    """'1 FAIL, 2 PASS', the most severe first."""
    statuses: tuple[Status, ...] = ("FAIL", "INCONCLUSIVE", "PASS", "NOT COMPARABLE")
    seen = Counter(j.status for j in judgements)
    return ", ".join(f"{seen[status]} {status}" for status in statuses if seen[status])
