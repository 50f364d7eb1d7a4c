"""Failures of the environment: coded, with a way out. The command line prints them and exits 2. `codes.py` has the texts."""

from __future__ import annotations

from pathlib import Path

from aibenchrt.codes import BY_ID

_CHECKOUT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def install(extra: str) -> str:
    """A hint that tells how to install one of our extras in this environment."""
    return f"in the checkout: pip install -e '.[{extra}]'" if _CHECKOUT.is_file() else f"pip install 'aibenchc[{extra}]'"


class EnvironmentFailure(Exception):  # noqa: N818  # one of three kinds of failure, not an error of ours
    """Something outside the program is missing, broken or in the way. `hint` says what the user can do.

    fields: of the code's templates in `codes.FAILURES`. KeyError: an unknown code, or a field is missing.
    """

    def __init__(self, code: str, /, **fields: object) -> None:
        entry = BY_ID[code]
        self.code = code
        self.message = entry.message.format(**fields)
        self.hint = entry.hint.format(**fields)
        super().__init__(f"{code}: {self.message}")
