"""The verdict: first VALID or INVALID, with coded reasons against limits that are data; then a status for each slo, quality, reference.

PASS only where the whole 95 % interval of the deviation lies inside the tolerance, FAIL where it lies wholly outside, else INCONCLUSIVE.
References are judged only on a matching fingerprint; elsewhere they are NOT COMPARABLE, which is never a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aibenchrt.collect.recorded_run import Run
from aibenchrt.exit_codes import ExitCode, gravest
from aibenchrt.report.model import Check, Judgement, Reason, Status, Verdict
from aibenchrt.report.validity import Limits


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


def exit_code(valid: bool, statuses: Sequence[Status]) -> ExitCode:
    """Of `aibenchc validate`: INVALID goes before every status of a target; PASS and NOT COMPARABLE are OK."""
    if not valid:
        return ExitCode.INVALID
    codes = {"FAIL": ExitCode.FAIL, "INCONCLUSIVE": ExitCode.INCONCLUSIVE}
    return gravest(codes.get(status, ExitCode.OK) for status in statuses)


def verdict(run: Run, reasons: tuple[Reason, ...], checks: tuple[Check, ...], judgements: tuple[Judgement, ...], limits: Limits) -> Verdict:
    """Assembles the verdict. In an INVALID run every status but NOT COMPARABLE becomes INCONCLUSIVE, since its figures prove nothing."""
    if reasons:
        judgements = tuple(
            j if j.status == "NOT COMPARABLE" else j.model_copy(update={"status": "INCONCLUSIVE", "reason": "the run is INVALID"})
            for j in judgements
        )
    return Verdict(
        run_id=run.info.run_id,
        root=run.binding.root,
        valid=not reasons,
        reasons=reasons,
        checks=checks,
        limits=limits.model_dump(),
        judgements=judgements,
        fingerprint=run.info.fingerprint.hash,
        exit_code=exit_code(not reasons, [j.status for j in judgements]),
    )


def counts(verdict: Verdict) -> str:
    """'1 FAIL, 2 PASS', the most severe first."""
    statuses: tuple[Status, ...] = ("FAIL", "INCONCLUSIVE", "PASS", "NOT COMPARABLE")
    seen = Counter(j.status for j in verdict.judgements)
    return ", ".join(f"{seen[status]} {status}" for status in statuses if seen[status])
