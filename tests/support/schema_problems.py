"""What a document violates of the published schemas."""

from __future__ import annotations

import json
from typing import Any

from aibenchrt.report.schemas.published import FOLDER
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]


def problems(name: str, document: Any) -> list[str]:
    """name: of the schema, without .schema.json."""
    validator = Draft202012Validator(json.loads((FOLDER / f"{name}.schema.json").read_text()))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]
