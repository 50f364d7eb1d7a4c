"""Writing the files of a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt import whole_file
from aibenchrt.errors import EnvironmentFailure

if TYPE_CHECKING:
    from pydantic import BaseModel

_OF_A_RUN = "free space, or copy the run directory to where it can be written"


def write_json(path: Path, data: BaseModel) -> None:
    """Whole or not at all. Raises EnvironmentFailure AIB605."""
    write_text(path, data.model_dump_json(indent=2) + "\n")


def write_text(path: Path, text: str, way_out: str = _OF_A_RUN) -> None:
    """Whole or not at all. Raises EnvironmentFailure AIB605."""
    try:
        whole_file.write_text(path, text)
    except OSError as error:
        raise EnvironmentFailure("AIB605", what=path.name, reason=error.strerror, way_out=way_out) from error
