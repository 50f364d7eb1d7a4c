"""JSON files that this program wrote, read back as their models. What is wrong with one is told in a line, with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from aibenchrt.input_file import InputFileError, check_json, decoded, read_bytes

MOST_BYTES = 64 * 2**20  # enough for a plan of some forty thousand tasks, and far more than any other file needs

M = TypeVar("M", bound=BaseModel)


class JsonFileError(InputFileError):
    """The message says what is wrong, and where."""


def read_json(path: Path, model: type[M], most_bytes: int = MOST_BYTES) -> M:
    """JsonFileError: it cannot be read, is too large, or does not fit the model; of several mistakes the first."""
    try:
        content = read_bytes(path, most_bytes)
    except InputFileError as error:
        raise JsonFileError(str(error)) from error
    return parse_json(content, model)


def parse_json(content: bytes, model: type[M]) -> M:
    """JsonFileError: as read_json()."""
    try:
        text = decoded(content)
        check_json(content)
        return model.model_validate_json(text)
    except InputFileError as error:
        raise JsonFileError(str(error)) from error
    except ValidationError as error:
        raise JsonFileError(_told(error)) from error


def _told(error: ValidationError) -> str:
    errors = error.errors(include_url=False)
    for entry in errors:
        if entry["loc"] == ("version",) and entry["type"] == "literal_error":
            return f"it is of version {entry['input']!r}, and this program reads version {entry['ctx']['expected']}"
    place = ".".join(str(part) for part in errors[0]["loc"])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{place + ': ' if place else ''}{errors[0]['msg']}{more}"
