"""The site: serves pages on 127.0.0.1 over HTTP/1.1, each with an ETag, so that they can be fetched conditionally (RFC 9110, 13.1.2)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import xxhash


def etag_of(content: bytes) -> str:
    return f'"{xxhash.xxh3_64_hexdigest(content)}"'


class Site:
    """pages: URL path → HTML; '/robots.txt' is plain text. A thread of this process serves them until `close`."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        self._pages = {path: page.encode() for path, page in pages.items()}
        self._lock = threading.Lock()
        self.answers: Counter[int] = Counter()  # HTTP status → number of responses
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="site", daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, page: str | None) -> None:
        """Replaces the page, or removes it (None)."""
        with self._lock:
            if page is None:
                self._pages.pop(path, None)
            else:
                self._pages[path] = page.encode()

    def page(self, path: str) -> bytes | None:
        with self._lock:
            return self._pages.get(path)

    def count(self, status: int) -> None:
        with self._lock:
            self.answers[status] += 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # sends head and body in one packet: otherwise the response waits for the client's delayed acknowledgement
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            content = site.page(self.path)
            if content is None:
                self._answer(HTTPStatus.NOT_FOUND, b"there is no such page\n", None)
                return
            etag = etag_of(content)
            if self.headers.get("If-None-Match") == etag:
                self._answer(HTTPStatus.NOT_MODIFIED, b"", etag)
            else:
                self._answer(HTTPStatus.OK, content, etag)

        def _answer(self, status: HTTPStatus, body: bytes, etag: str | None) -> None:
            self.send_response(status)
            if etag is not None:
                self.send_header("ETag", etag)
            if status is not HTTPStatus.NOT_MODIFIED:
                kind = "text/plain" if status is not HTTPStatus.OK or self.path == "/robots.txt" else "text/html"
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            site.count(status)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Logs nothing: the call records are enough."""

    return Handler
