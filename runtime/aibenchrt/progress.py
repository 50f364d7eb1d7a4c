"""How long-running work reports its progress."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]  # (what is being done, share done in [0, 1])


def silent(_text: str, _share: float) -> None:
    """A progress callback that says nothing."""
