"""Pictures written into a folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure

from aibenchc.cli.output import complain


def write_pictures(folder: Path, pictures: dict[str, str]) -> None:
    """All or none. EnvironmentFailure AIB507: they cannot be written."""
    fresh = {folder / f".{name}.{os.getpid()}": folder / name for name in pictures}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, svg in zip(fresh, pictures.values(), strict=True):
            part.write_text(svg, encoding="utf-8")
        for part, whole in fresh.items():
            part.replace(whole)
    except OSError as error:
        for part in fresh:
            with contextlib.suppress(OSError):
                part.unlink()
        raise EnvironmentFailure("AIB507", path=folder, reason=error.strerror or error, way_out="name another folder with --svg") from error
    complain(f"wrote {len(pictures)} picture{'' if len(pictures) == 1 else 's'} to {folder}")
