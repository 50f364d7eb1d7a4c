"""The Parquet files of a run directory: their schemas, made from the record classes, with writers and readers.

Every file carries `aibench.records_version` in its metadata; a reader refuses another version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import starmap
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from aibenchrt.collect.columns import VERSION_KEY, read_columns
from aibenchrt.collect.records import (
    RECORDS_VERSION,
    CallRecord,
    MachineRecord,
    RequestRecord,
    ResourceRecord,
    ScheduleRecord,
    ScoreRecord,
    TruthRecord,
)
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.input_file import InputFileError
from aibenchrt.whole_file import whole_file

_ARROW: dict[Any, pa.DataType] = {
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bool: pa.bool_(),
    tuple[str, ...]: pa.list_(pa.string()),
}

# File name in a run directory → class of its rows.
FILES: dict[str, type] = {
    "schedule.parquet": ScheduleRecord,
    "requests.parquet": RequestRecord,
    "calls.parquet": CallRecord,
    "resources.parquet": ResourceRecord,
    "machine.parquet": MachineRecord,
    "truth.parquet": TruthRecord,
    "scores.parquet": ScoreRecord,  # of an export
}

Row = TypeVar("Row")


def schema(row_class: type) -> pa.Schema:
    """One column per field of the dataclass, in its order."""
    hints = get_type_hints(row_class)
    columns = [pa.field(f.name, _ARROW[hints[f.name]], nullable=False) for f in fields(row_class)]
    return pa.schema(columns, metadata={VERSION_KEY: str(RECORDS_VERSION).encode()})


def table(rows: Sequence[Any], row_class: type) -> pa.Table:
    """The rows as an Arrow table of `schema(row_class)`."""
    target = schema(row_class)
    return pa.Table.from_pydict({name: [getattr(row, name) for row in rows] for name in target.names}, schema=target)


def write(path: Path, rows: Iterable[Any], row_class: type) -> None:
    """Writes the file whole or not at all."""
    with whole_file(path) as file:
        pq.write_table(table(list(rows), row_class), file, compression="zstd")


def read(path: Path, row_class: type[Row]) -> tuple[Row, ...]:
    """The rows of the file. Raises EnvironmentFailure AIB609: missing, damaged, of another version, or too large."""
    if not path.exists():
        raise unreadable(path, "the file is missing")
    try:
        columns = read_columns(path, schema(row_class))
    except InputFileError as error:
        raise unreadable(path, str(error)) from error
    return tuple(starmap(row_class, zip(*columns.values(), strict=True)))
