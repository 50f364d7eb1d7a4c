"""Where a PostgreSQL server's programs are."""

from __future__ import annotations

import shutil
from pathlib import Path


def program(name: str) -> str | None:
    """Debian keeps the server's programs outside PATH."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(kept[-1]) if kept else None)
