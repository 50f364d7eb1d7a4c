"""Failures of the environment: coded, with a way out. The command line prints them and exits 2.

Codes AIB6xx are the compiler's table (aibenchc.diagnostics); ids are stable and never reused.
"""

from __future__ import annotations

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def install(extra: str) -> str:
    """How to get one of our extras, for this installation: a hint."""
    return f"in the checkout: pip install -e '.[{extra}]'" if _CHECKOUT.is_file() else f"pip install 'aibenchc[{extra}]'"


class EnvironmentFailure(Exception):  # noqa: N818  # one of three kinds of failure, not an error of ours
    """Something outside the program is missing, broken or in the way. `hint` says what the user can do."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint
