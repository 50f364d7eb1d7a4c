"""Image lookup: reads the picture at an address from the store of the site, a SQLite file. Nothing is fetched from elsewhere.

An address is a path, or a URL with one: scheme, host, query and fragment are left out, %-escapes and '..' resolved (RFC 3986, sections
5.2.4 and 6.2.2).
"""

from __future__ import annotations

import posixpath
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import HostedWorld

LONGEST = 2048  # characters of an address
_FILE = "pictures.sqlite"


def prepare(world: HostedWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - it has no settings
    with closing(sqlite3.connect(folder / _FILE)) as store, store:
        store.execute("CREATE TABLE pictures (path TEXT PRIMARY KEY, png BLOB NOT NULL) WITHOUT ROWID")
        store.executemany("INSERT INTO pictures VALUES (?, ?)", [(path_of(address), png) for address, png in sorted(world.hosted.items())])


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, keeps nothing
    return Lookup(folder / _FILE)


def path_of(address: str) -> str:
    """The path under which a picture is kept. ValueError: the address is longer than LONGEST, or no address."""
    if len(address) > LONGEST:
        raise ValueError(f"an address of {len(address):,} characters is too long")
    path = unquote(urlsplit(address.strip()).path)
    return posixpath.normpath("/" + path.lstrip("/"))


class Lookup:
    """Implements `Work`. LookupError: nothing is kept there. Thread-safe: every thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._uri, self._own = f"{path.resolve().as_uri()}?mode=ro&immutable=1", threading.local()

    def __call__(self, inputs: Values) -> Values:
        path = path_of(inputs["text"]["text"])
        if not hasattr(self._own, "store"):
            self._own.store = sqlite3.connect(self._uri, uri=True)
        row = self._own.store.execute("SELECT png FROM pictures WHERE path = ?", (path,)).fetchone()
        if row is None:
            raise LookupError(f"no picture is kept at {path!r}")
        return {"image": {"png": row[0]}}
