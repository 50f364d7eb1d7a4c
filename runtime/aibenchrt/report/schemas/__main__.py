"""Writes the published JSON Schemas anew: python -m aibenchrt.report.schemas."""

from __future__ import annotations

from aibenchrt.report.schemas.published import FOLDER, schemas
from aibenchrt.report.writing import write_text

for name, text in schemas().items():
    write_text(FOLDER / name, text, "write into a checkout of your own")
