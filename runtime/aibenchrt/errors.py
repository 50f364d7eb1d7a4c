"""Failures of the environment: coded, with a way out. The command line prints them and exits 2. `codes.py` has the texts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from aibenchrt.codes import BY_ID

_CHECKOUT = Path(__file__).resolve().parents[2]


def install(extra: str = "") -> str:
    """The command that installs aibenchc, with one of its extras, into this environment; it works in any folder."""
    source = _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else None
    wanted = shlex.quote(f"{source or 'aibenchc'}{f'[{extra}]' if extra else ''}")
    return f"pip install {'-e ' if source else ''}{wanted}"


class EnvironmentFailure(Exception):  # noqa: N818  # one of three kinds of failure, not an error of ours
    """Something outside the program is missing, broken or in the way. `hint` says what the user can do.

    fields: of the code's templates in `codes.FAILURES`. KeyError: an unknown code, or a field is missing.
    """

    def __init__(self, code: str, /, **fields: object) -> None:
        entry = BY_ID[code]
        self.code, self._fields = code, fields
        self.message = entry.message.format(**fields)
        self.hint = entry.hint.format(**fields)
        super().__init__(f"{code}: {self.message}")

    def __reduce__(self) -> tuple[Callable[..., EnvironmentFailure], tuple[object, ...]]:
        """One process tells it to another of this run (train/side_by_side.py)."""
        return _told, (self.code, self._fields)


def _told(code: str, fields: Mapping[str, object]) -> EnvironmentFailure:
    return EnvironmentFailure(code, **fields)
