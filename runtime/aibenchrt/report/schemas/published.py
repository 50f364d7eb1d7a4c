"""schemas(): the text of every published JSON Schema, by its file's name."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict

from aibenchrt.collect import schema
from aibenchrt.collect.hashes import Hashes
from aibenchrt.collect.kept_scores import Exported
from aibenchrt.collect.records import RECORDS_VERSION
from aibenchrt.collect.run_info import RunInfo
from aibenchrt.plan import Plan, PlanLoad
from aibenchrt.report.audit import AUDIT_FILE, Audit
from aibenchrt.report.compare.model import Comparison
from aibenchrt.report.definitions import BY_ID
from aibenchrt.report.model import Ablation, Report, Verdict
from aibenchrt.report.series.model import SERIES_JSON, Series
from aibenchrt.state_audit import AUDITS_FILE, StateAudits

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    tuple[str, ...]: {"type": "array", "items": {"type": "string"}},
}


class ClassOfMix(BaseModel):
    """A request class: share of the mix, and the source of its data set that payloads are drawn from."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=lambda name: name.removesuffix("_"))

    class_: str
    share: float
    dataset: str
    source: str
    deadline_s: float | None = None


class LoadFile(BaseModel):
    """load.json: what the query generators send, and to which planners (host:port)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    scenario: str
    target: tuple[str, ...]
    load: PlanLoad
    mix: tuple[ClassOfMix, ...]
    metrics: tuple[str, ...]
    percentiles: tuple[float, ...]


MODELS: dict[str, type[BaseModel]] = {
    "plan.json": Plan,
    "load.json": LoadFile,
    "run.json": RunInfo,
    "hashes.json": Hashes,
    AUDITS_FILE: StateAudits,
    "export.json": Exported,
    "report.json": Report,
    "verdict.json": Verdict,
    "ablation.json": Ablation,
    "comparison.json": Comparison,
    AUDIT_FILE: Audit,
    SERIES_JSON: Series,
}


def schemas() -> dict[str, str]:
    """File name in FOLDER → its text: of the JSON files, then of the rows of the Parquet files."""
    made = {**{name: of_model(model) for name, model in MODELS.items()}, **dict(_of_records())}
    return {f"{Path(name).stem}.schema.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n" for name, document in made.items()}


def of_model(model: type[BaseModel]) -> dict[str, Any]:
    """With the definition of each figure: its text as the description of the field, its id as `x-definition`."""
    document = {"$schema": DIALECT, **model.model_json_schema(mode="serialization", by_alias=True)}
    for own in (document, *document.get("$defs", {}).values()):
        for field, described in own.get("properties", {}).items():
            if (definition := BY_ID.get(f"{own['title']}.{field}")) is not None:
                described |= {"description": definition.text, "x-definition": definition.id}
    return document


def _of_records() -> Iterator[tuple[str, dict[str, Any]]]:
    """Of one row each: its columns, their types, and what they mean."""
    for name, row_class in schema.FILES.items():
        hints = get_type_hints(row_class)
        columns = [field.name for field in fields(row_class)]
        yield (
            name,
            {
                "$schema": DIALECT,
                "title": row_class.__name__,
                "description": inspect.getdoc(row_class),
                "$comment": f"aibench.records_version {RECORDS_VERSION}, in the metadata of the Parquet file",
                "type": "object",
                "properties": {column: _TYPES[hints[column]] for column in columns},
                "required": columns,
                "additionalProperties": False,
            },
        )
