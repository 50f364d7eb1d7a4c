"""Pictures written into a folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.whole_file import whole_file

from aibenchc.cli.output import complain


def write_pictures(folder: Path, pictures: dict[str, str]) -> None:
    """Each whole, or none of them. EnvironmentFailure AIB507: they cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for name, svg in pictures.items():
                file = stack.enter_context(whole_file(folder / name))
                file.write(svg.encode())
                file.flush()
    except OSError as error:
        raise EnvironmentFailure("AIB507", path=folder, reason=error.strerror or error, way_out="name another folder with --svg") from error
    complain(f"wrote {len(pictures)} picture{'' if len(pictures) == 1 else 's'} to {folder}")
