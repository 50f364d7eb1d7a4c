"""Where data, models and built indexes are kept between runs: AIBENCH_HOME, else ~/.cache/aibenchc."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder, made if missing. Inside: downloads/, worlds/, models/, prepared/."""
    folder = Path(os.environ.get("AIBENCH_HOME") or Path.home() / ".cache" / "aibenchc")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
