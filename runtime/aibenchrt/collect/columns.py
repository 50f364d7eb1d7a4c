"""Columns of a Parquet file that somebody else wrote: what a file of its size may hold, and no more, comes into memory.

A file of one megabyte can stand for gigabytes: repeated values cost it next to nothing. Its own count of values and its uncompressed size
are looked at first; then it is read piece by piece and counted again. Equal texts are one object in memory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aibenchrt.collect.records import MOST_INTEGER
from aibenchrt.input_file import MIB, InputFileError, open_file

VERSION_KEY = b"aibench.records_version"  # of a schema's metadata: of other records nothing is read
MOST_BYTES = 4096 * MIB
MOST_VALUES = 400_000_000  # a million requests with twenty calls each
FREE_VALUES, VALUES_PER_BYTE = 1_000_000, 8  # a record that repeats the one before in all but its number takes about a byte
FREE_BYTES, EXPANSION = 64 * MIB, 100  # uncompressed, and over the file's size
_ROWS, _ROWS_OF_BYTES = 16_384, 256  # of a piece; bytes may be pictures
_TEXTS = (pa.string(), pa.binary())


def read_columns(path: Path, expected: pa.Schema) -> dict[str, list[Any]]:
    """Name → values; of a list column tuples.

    InputFileError: no Parquet file of these columns and this version of records, more than such a file can be, or damaged.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            raise InputFileError(f"it is larger than {MOST_BYTES:,} bytes")
        try:
            metadata = pq.read_metadata(file)
            _check_columns(metadata.schema.to_arrow_schema(), expected)
            _check_metadata(metadata, size)
            texts = [_path(field) for field in expected if _is_text(field.type)]
            return _read(pq.ParquetFile(file, metadata=metadata, read_dictionary=texts), expected, _most_values(size))
        except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
            if isinstance(error, InputFileError):
                raise
            raise InputFileError(f"it is not a whole Parquet file ({_first_line(error)})") from error


def _check_columns(there: pa.Schema, expected: pa.Schema) -> None:
    version, ours = ((kept.metadata or {}).get(VERSION_KEY, b"none").decode(errors="replace") for kept in (there, expected))
    if version != ours:
        raise InputFileError(f"its records have version {version[:20]}, this program reads version {ours}")
    plain = [_without_dictionary(kind) for kind in there.types]
    if there.names != expected.names or plain != expected.types:
        raise InputFileError(f"its columns are {there.names[:20]}, expected {expected.names}")


def _check_metadata(metadata: pq.FileMetaData, size: int) -> None:
    values, expanded = 0, 0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            values += max(column.num_values, group.num_rows)
            expanded += column.total_uncompressed_size
    if values > _most_values(size):
        raise _too_much(f"{values:,} values", size)
    if expanded > FREE_BYTES + EXPANSION * size:
        raise _too_much(f"{expanded:,} bytes", size)


def _read(parquet: pq.ParquetFile, expected: pa.Schema, most_values: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in expected.names}
    known: dict[Any, Any] = {}
    count = 0
    rows = _ROWS_OF_BYTES if pa.binary() in expected.types else _ROWS
    for piece in parquet.iter_batches(batch_size=rows, use_threads=False):
        for name, column in zip(expected.names, piece.columns, strict=True):
            count += len(column) + (len(column.flatten()) if pa.types.is_list(column.type) else 0)
            if count > 2 * most_values:
                raise InputFileError("it holds more than its metadata says")
            columns[name] += _values(column, name, known)
    return columns


def _values(column: pa.Array, name: str, known: dict[Any, Any]) -> list[Any]:
    """known: the texts so far, each by itself."""
    if column.null_count:
        raise InputFileError(f"a value of '{name}' is missing")
    if pa.types.is_list(column.type):
        flat, at, tuples = _values(column.flatten(), name, known), 0, []
        for length in column.value_lengths().to_pylist():
            tuples.append(tuple(flat[at : at + length]))
            at += length
        return tuples
    if pa.types.is_dictionary(column.type):
        used = column.indices.unique()  # the dictionary is of all pieces so far
        texts = column.dictionary.take(used).to_pylist()
        words = {index: known.setdefault(text, text) for index, text in zip(used.to_pylist(), texts, strict=True)}
        return [words[index] for index in column.indices.to_pylist()]
    if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column)).as_py() and len(column):
        raise InputFileError(f"a number of '{name}' is out of range")
    if pa.types.is_integer(column.type) and len(column):
        bounds = pc.min_max(column).as_py()
        if max(-bounds["min"], bounds["max"]) >= MOST_INTEGER:
            raise InputFileError(f"a number of '{name}' is out of range")
    values: list[Any] = column.to_pylist()
    return values


def _most_values(size: int) -> int:
    return min(MOST_VALUES, FREE_VALUES + VALUES_PER_BYTE * size)


def _too_much(what: str, size: int) -> InputFileError:
    return InputFileError(f"it stands for {what}, more than {size:,} bytes of records can")


def _is_text(kind: pa.DataType) -> bool:
    return kind in _TEXTS or (pa.types.is_list(kind) and kind.value_type in _TEXTS)


def _path(field: pa.Field) -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def _without_dictionary(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_without_dictionary(kind.value_type))
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
