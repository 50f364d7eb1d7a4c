"""Crawls a whole site, and stores what was found."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.components.crawler.fetch import Fetched, Fetcher, FetchError, ForbiddenError
from aibenchrt.components.crawler.page import on_site, read_page

PAGE_DEADLINE_S = 20.0  # deadline for one page during the crawl of the whole site
MOST_PAGES = 200_000

_STORE = """
CREATE TABLE site (path TEXT PRIMARY KEY, html TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE page (path TEXT PRIMARY KEY, etag TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE item (item_id INTEGER PRIMARY KEY, path TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Stored:
    """A page as it was last fetched."""

    etag: str
    title: str
    text: str


@dataclass(frozen=True)
class Crawled:
    """pages: path → page. forbidden: the paths that robots.txt forbids. failed: path → why the page could not be fetched."""

    pages: dict[str, Stored]
    forbidden: tuple[str, ...]
    failed: dict[str, str]


def stored(fetched: Fetched) -> Stored:
    page = read_page(fetched.html or "")
    return Stored(fetched.etag, page.title, page.text)


def crawl(fetcher: Fetcher, connections: int, start: str = "/") -> Crawled:
    """Fetches every page of the site that can be reached by links from `start`, breadth first. RuntimeError: more than MOST_PAGES pages."""
    pages: dict[str, Stored] = {}
    forbidden: list[str] = []
    failed: dict[str, str] = {}
    known = {start}
    with ThreadPoolExecutor(connections, thread_name_prefix="crawl") as pool:
        under_way = {_begun(pool, fetcher, start): start}
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                path = under_way.pop(future)
                try:
                    fetched = future.result()
                except ForbiddenError:
                    forbidden.append(path)
                    continue
                except FetchError as error:
                    failed[path] = str(error)
                    continue
                pages[path] = stored(fetched)
                for link in read_page(fetched.html or "").links:
                    target = on_site(fetcher.base, path, link)
                    if target is not None and target not in known:
                        known.add(target)
                        under_way[_begun(pool, fetcher, target)] = target
            if len(known) > MOST_PAGES:
                raise RuntimeError(f"the site has more than {MOST_PAGES} pages")
    return Crawled(dict(sorted(pages.items())), tuple(sorted(forbidden)), dict(sorted(failed.items())))


def _begun(pool: ThreadPoolExecutor, fetcher: Fetcher, path: str) -> Future[Fetched]:
    return pool.submit(lambda: fetcher.get(path, time.monotonic() + PAGE_DEADLINE_S))


def write_store(path: Path, site: Iterable[tuple[str, str]], crawled: Crawled, items: Iterable[tuple[int, str]]) -> None:
    """site: (path, HTML) of every page that is served; items: (item id, path of its page)."""
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(_STORE)
        connection.executemany("INSERT INTO site VALUES (?, ?)", site)
        rows = ((url, page.etag, page.title, page.text) for url, page in crawled.pages.items())
        connection.executemany("INSERT INTO page VALUES (?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO item VALUES (?, ?)", items)
    connection.close()


def read_store(path: Path) -> tuple[dict[str, str], dict[str, Stored], dict[int, str]]:
    """(site, pages, items) as they were passed to `write_store`."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        site = dict(connection.execute("SELECT path, html FROM site"))
        pages = {row[0]: Stored(*row[1:]) for row in connection.execute("SELECT path, etag, title, text FROM page")}
        return site, pages, dict(connection.execute("SELECT item_id, path FROM item"))
    finally:
        connection.close()
