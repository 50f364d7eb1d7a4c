"""Fetches pages of one site politely: obeys robots.txt (RFC 9309) with its Crawl-delay, and limits the number of requests in flight."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http import HTTPStatus

import urllib3
from protego import Protego

AGENT = "aibenchc-crawler"
_ROBOTS = "/robots.txt"
_MOST_BYTES, _PIECE = 4 << 20, 1 << 16  # bytes of one page, and of one read from the socket


class FetchError(RuntimeError):
    """A page that could not be fetched; the message says which one and why."""


class ForbiddenError(FetchError):
    """robots.txt forbids the page; no request was sent for it."""


@dataclass(frozen=True)
class Fetched:
    """The answer to a request for a page. html None: it still has the ETag that was sent (304)."""

    html: str | None
    etag: str


class Fetcher:
    """Fetches pages of one site. Thread-safe. base: 'http://host:port'; connections: the most requests in flight at once."""

    def __init__(self, base: str, connections: int) -> None:
        self.base = base
        self._pool = urllib3.PoolManager(
            maxsize=connections, block=True, retries=False, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"}
        )
        self._places = threading.BoundedSemaphore(connections)
        self._turn = threading.Lock()
        self._next_start = 0.0
        self._robots: Protego | None = None
        self._robots_lock = threading.Lock()

    def get(self, path: str, deadline: float, etag: str = "") -> Fetched:
        """Fetches the page at `path` before `deadline` (time.monotonic). etag: of the stored version, '' if there is none.

        ForbiddenError: robots.txt forbids the page. FetchError: a status other than 200 and 304, no connection, deadline missed, page too
        large, not UTF-8.
        """
        robots = self._rules(deadline)
        if not robots.can_fetch(self.base + path, AGENT):
            raise ForbiddenError(f"{path}: robots.txt forbids it")
        self._wait_turn(float(robots.crawl_delay(AGENT) or 0.0), path, deadline)
        status, content, new_etag = self._ask(path, deadline, {"If-None-Match": etag} if etag else {})
        if status == HTTPStatus.NOT_MODIFIED and etag:
            return Fetched(None, etag)
        if status != HTTPStatus.OK:
            raise FetchError(f"{path}: the site answered {status}")
        try:
            return Fetched(content.decode(), new_etag)
        except UnicodeDecodeError as error:
            raise FetchError(f"{path}: is not UTF-8") from error

    def close(self) -> None:
        self._pool.clear()

    def _rules(self, deadline: float) -> Protego:
        """robots.txt, read once. If there is none (4xx), everything is allowed; any other failure forbids everything (RFC 9309, 2.3.1)."""
        with self._robots_lock:
            if self._robots is None:
                status, content, _ = self._ask(_ROBOTS, deadline, {})
                if status != HTTPStatus.OK and not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise FetchError(f"{_ROBOTS}: the site answered {status}, so nothing may be fetched")
                self._robots = Protego.parse(content.decode(errors="replace") if status == HTTPStatus.OK else "")
            return self._robots

    def _wait_turn(self, delay: float, path: str, deadline: float) -> None:
        """Waits until `delay` seconds have passed since the last request began, and starts the next delay. FetchError: deadline missed."""
        if delay <= 0:
            return
        with self._turn:
            start = max(time.monotonic(), self._next_start)
            if start >= deadline:
                raise FetchError(f"{path}: its turn, {delay:g} s after another's, comes too late")
            self._next_start = start + delay
        while (left := start - time.monotonic()) > 0:
            time.sleep(left)

    def _ask(self, path: str, deadline: float, headers: dict[str, str]) -> tuple[int, bytes, str]:
        """Sends one GET request and returns (status, content, ETag)."""
        if not self._places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise FetchError(f"{path}: no connection was free in time")
        try:
            left = deadline - time.monotonic()
            if left <= 0:
                raise FetchError(f"{path}: not in time")
            response = self._pool.request(
                "GET", self.base + path, headers={**self._pool.headers, **headers}, timeout=left, redirect=False, preload_content=False
            )
            content = _whole(response, path, deadline)
            response.release_conn()
            return response.status, content, response.headers.get("ETag", "")
        except urllib3.exceptions.HTTPError as error:
            raise FetchError(f"{path}: {type(error).__name__}: {error}") from error
        finally:
            self._places.release()


def _whole(response: urllib3.BaseHTTPResponse, path: str, deadline: float) -> bytes:
    """Reads the whole body. FetchError, after closing the connection: the body is too large or arrives too slowly."""
    content = b""
    while piece := response.read1(_PIECE):  # returns what has arrived, possibly less than requested
        content += piece
        if len(content) > _MOST_BYTES or time.monotonic() > deadline:
            response.close()
            raise FetchError(f"{path}: is larger than {_MOST_BYTES >> 20} MiB" if len(content) > _MOST_BYTES else f"{path}: not in time")
    return content
