"""python -m aibenchrt.components.database_operation.upload FOLDER…

Puts the tables of each stage's prepared folder (SQLite, as they are shipped) on the PostgreSQL server that AIBENCH_POSTGRES_DSN names,
unless they are there; the folder then says where, as `engine postgresql` expects it. A folder without tables is left as it is.
Exit code 2: the environment.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from aibenchrt.components.database_operation.postgresql import Postgres
from aibenchrt.components.database_operation.service import TABLES
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.shown import tell_failure


def upload(folder: Path) -> None:
    """EnvironmentFailure AIB615: the server cannot be reached."""
    server = Postgres()
    if (folder / "schema").exists() and server.is_built(folder):
        return
    tables = list(folder.glob("*.sqlite"))
    if not tables:  # a ledger, which opens its accounts itself
        return
    (path,) = tables
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as source:
        keys = {table: ", ".join(str(column + 1) for column in range(key)) for table, (key, _) in TABLES.items()}
        rows = {table: source.execute(f"SELECT * FROM {table} ORDER BY {key}").fetchall() for table, key in keys.items()}
        server.build(folder, TABLES, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m aibenchrt.components.database_operation.upload", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    given = parser.parse_args(arguments)
    try:
        for folder in given.folders:
            upload(folder)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
