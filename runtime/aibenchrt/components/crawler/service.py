"""Crawler: fetches the pages of the items found again, from the site that this process serves on 127.0.0.1.

`prepare` crawls the whole site once, as any crawler would (following links, obeying robots.txt), into a store. A call requests each page
with its stored ETag: on 304 the stored text is still valid, on 200 the response has the new page. If a page cannot be fetched, the call
fails.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.components.crawler.crawl import Stored, crawl, read_store, stored, write_store
from aibenchrt.components.crawler.fetch import Fetcher, FetchError
from aibenchrt.components.crawler.site import Site
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import SiteWorld

_FILE, _REPORT = "store.sqlite", "crawl.json"


def prepare(world: SiteWorld, settings: Mapping[str, str | int], folder: Path) -> None:
    """Serves the site, crawls it, and keeps both. crawl.json records which pages were fetched, forbidden, or failed.

    FetchError: an item's page could not be fetched although robots.txt allows it, or no link leads to it.
    """
    site = Site(world.pages)
    connections = int(settings["connections"])
    fetcher = Fetcher(site.base, connections)
    try:
        crawled = crawl(fetcher, connections)
    finally:
        fetcher.close()
        site.close()
    report = {"pages": len(crawled.pages), "forbidden": crawled.forbidden, "failed": crawled.failed}
    (folder / _REPORT).write_text(json.dumps(report, indent=1))
    missing = sorted(path for path in world.urls.values() if path not in crawled.pages and path not in crawled.forbidden)
    if missing:
        first = missing[0]
        raise FetchError(f"{len(missing)} pages of items were not crawled; {crawled.failed.get(first, f'{first}: no link leads to it')}")
    write_store(folder / _FILE, sorted(world.pages.items()), crawled, sorted(world.urls.items()))


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - fetched pages are kept in memory
    site, pages, items = read_store(folder / _FILE)
    return Crawler(Site(site), pages, items, int(settings["top"]), int(settings["connections"]), int(settings["deadline_ms"]) / 1000)


class Crawler:
    """Implements `Work`. pages: path → stored page, replaced when a newer one is fetched; items: item id → path. Thread-safe."""

    def __init__(
        self, site: Site, pages: dict[str, Stored], items: Mapping[int, str], top: int, connections: int, deadline_s: float
    ) -> None:
        self.site = site
        self._pages, self._items, self._top, self._deadline_s = pages, items, top, deadline_s
        self._fetcher = Fetcher(site.base, connections)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="fetch")

    def __call__(self, inputs: Values) -> Values:
        """url: the page's path. LookupError: an item has no page. FetchError: pages could not be fetched in time; it names each."""
        ids = list(inputs["items"]["item_id"][: self._top])
        unknown = [item for item in ids if item not in self._items]
        if unknown:
            raise LookupError(f"there are no pages of {unknown}")
        deadline = time.monotonic() + self._deadline_s
        paths = [self._items[item] for item in ids]
        under_way = [self._pool.submit(self._refreshed, path, deadline) for path in paths]
        pages = self._gathered(paths, under_way, deadline)
        return {
            "documents": {
                "item_id": ids,
                "url": paths,
                "title": [page.title for page in pages],
                "text": [page.text for page in pages],
            }
        }

    def close(self) -> None:
        self._pool.shutdown()
        self._fetcher.close()
        self.site.close()

    def _gathered(self, paths: list[str], under_way: list[Future[Stored]], deadline: float) -> list[Stored]:
        pages, failures = [], []
        for path, future in zip(paths, under_way, strict=True):
            try:
                pages.append(future.result(timeout=max(0.0, deadline - time.monotonic())))
            except FetchError as error:
                failures.append(str(error))
            except TimeoutError:
                future.cancel()
                failures.append(f"{path}: not in time")
        if failures:
            raise FetchError("; ".join(failures))
        return pages

    def _refreshed(self, path: str, deadline: float) -> Stored:
        with self._lock:
            known = self._pages.get(path)
        fetched = self._fetcher.get(path, deadline, known.etag if known else "")
        if fetched.html is None and known is not None:
            return known
        page = stored(fetched)
        with self._lock:
            self._pages[path] = page
        return page
