"""Exit codes of `aibenchc`, and of `python -m aibenchrt.micro`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    AUTHOR = 1  # also FAIL, below
    ENVIRONMENT = 2  # AIB5xx and AIB6xx
    INVALID = 3
    INCONCLUSIVE = 4
    STALE = 5
    OURS = 70  # sysexits.h: EX_SOFTWARE
    INTERRUPTED = 130  # 128 + SIGINT
    FAIL = 1


EXIT_CODES: dict[ExitCode, str] = {
    ExitCode.OK: "done (of `validate`, and of `run` with several specs: VALID, nothing fails)",
    ExitCode.AUTHOR: "the spec or the input is at fault (diagnostics on stderr), or a target FAILs",
    ExitCode.ENVIRONMENT: "the environment is at fault, or the command line cannot be understood",
    ExitCode.INVALID: "the run is INVALID",
    ExitCode.INCONCLUSIVE: "something is INCONCLUSIVE, as what passes otherwise is under an expected fault, and nothing fails",
    ExitCode.STALE: "the distilled graph has changed since the partner signed it",
    ExitCode.OURS: "an internal error, which is our fault",
    ExitCode.INTERRUPTED: "interrupted",
}

_GRAVEST_FIRST = (ExitCode.OURS, ExitCode.ENVIRONMENT, ExitCode.INVALID, ExitCode.FAIL, ExitCode.INCONCLUSIVE)


class PlanExitCode(IntEnum):
    """Exit codes of `aibenchc plan`, like Terraform's with -detailed-exitcode."""

    SAME = 0  # or, without --diff: planned
    FAILED = 1  # whatever the cause
    CHANGES = 2


def gravest(codes: Iterable[int]) -> ExitCode:
    """The most severe of these codes: our error, the environment's, INVALID, FAIL, INCONCLUSIVE; otherwise OK."""
    given = set(codes)
    return next((code for code in _GRAVEST_FIRST if code in given), ExitCode.OK)
