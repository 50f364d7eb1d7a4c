"""Where data, models and built indexes are kept between runs: AIBENCH_HOME, else ~/.cache/aibenchc."""

from __future__ import annotations

import os
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure


def home_folder() -> Path:
    """Where it is, or would be."""
    return Path(os.environ.get("AIBENCH_HOME") or Path.home() / ".cache" / "aibenchc")


def home() -> Path:
    """The folder, made if missing. Inside: downloads/, worlds/, models/, prepared/. EnvironmentFailure AIB605: it cannot be made."""
    folder = home_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailure(
            "AIB605",
            what=f"'{folder}', where data and models are kept",
            reason=error.strerror,
            way_out="set AIBENCH_HOME to a folder that can be written",
        ) from error
    return folder
