"""The log of a process of a run: what its clients, its libraries and its hosts say, shown as text and nothing else."""

from __future__ import annotations

import logging

from aibenchrt.shown import visible


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def log_to_stderr() -> None:
    """Warnings and what is worse, with their time."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
