"""The failure of a run directory that cannot be read. It stands by itself: who only writes lines needs no Parquet."""

from __future__ import annotations

from pathlib import Path

from aibenchrt.errors import EnvironmentFailure


def unreadable(path: Path, reason: str) -> EnvironmentFailure:
    """AIB609 for this file of a run directory."""
    return EnvironmentFailure("AIB609", file=path.name, directory=path.parent, reason=reason)
