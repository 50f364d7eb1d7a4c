"""A check with its code and name."""

from __future__ import annotations

from aibenchrt.report.model import Check
from aibenchrt.report.validity import REASONS


def check(code: str, ok: bool, observed: str, limit: str) -> Check:
    return Check(code=code, name=REASONS[code].name, ok=ok, observed=observed, limit=limit)
