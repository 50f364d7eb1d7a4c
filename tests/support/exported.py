"""An export as somebody else gets it: unpacked, with all the bytes and texts that it holds, and its figures beside those of the run."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.report.export.bundle import Bundle, export
from aibenchrt.report.make import make_report

# Parts of a report that name hosts and programs, or the root, and what another run is needed for.
NAMING = (
    "ablation", "verdict", "machines", "hosts", "generators", "clocks", "commands", "versions", "errors", "facts", "fault", "run_id",
)  # fmt: skip


@dataclass(frozen=True)
class Unpacked:
    """folder: a run directory. content: every byte of the unpacked files, and every text in its Parquet files, which are compressed."""

    bundle: Bundle
    folder: Path
    content: bytes


def unpacked(run: Path, scratch: Path) -> Unpacked:
    file = scratch / "export.tar.gz"
    bundle = export(run, file)
    with tarfile.open(file) as archive:
        archive.extractall(scratch, filter="data")
    folder = scratch / bundle.folder
    return Unpacked(bundle, folder, file.read_bytes() + b"\n".join(_content(folder)))


def _content(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.iterdir()):
        yield path.name.encode()
        yield path.read_bytes()
        if path.suffix == ".parquet":
            yield from (str(row).encode() for row in pq.read_table(path).to_pylist())


def figures(run: Path) -> dict[str, Any]:
    """The report as data, without what names hosts."""
    made = make_report(read_run(run))[0].model_dump(mode="json")
    return {name: value for name, value in made.items() if name not in NAMING}
