"""Crawler: a real site on loopback, crawled by its links and rules, and fetched again conditionally. Nothing is replaced by a double."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from aibenchrt.components.crawler import service
from aibenchrt.components.crawler.crawl import crawl
from aibenchrt.components.crawler.fetch import AGENT, Fetcher, FetchError, ForbiddenError
from aibenchrt.components.crawler.page import on_site, read_page
from aibenchrt.components.crawler.service import Crawler
from aibenchrt.components.crawler.site import Site
from aibenchrt.plan import PlanStage
from aibenchrt.planner.in_process import works
from aibenchrt.serve.prepare import prepare_component
from listed_items import items

ROBOTS = f"User-agent: somebody-else\nDisallow: /\n\nUser-agent: {AGENT}\nDisallow: /private/\nAllow: /private/open\n"

EMPTY_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Paper:
    """A site with an entrance, a list, articles, a forbidden page, a dead link, a link to another site, and a cycle."""

    pages: dict[str, str]
    urls: dict[int, str]
    version: str = "paper"


def article(number: int, text: str) -> str:
    return f"<html><head><title>Article {number}</title></head><body><nav><a href='/list'>list</a></nav><main><p>{text}</p></main></body>"


def paper() -> Paper:
    urls = {number: f"/articles/{number}.html" for number in range(1, 31)}
    links = "".join(f"<a href='articles/{number}.html#top'>{number}</a>" for number in urls)
    pages = {
        "/robots.txt": ROBOTS,
        "/": "<a href='list'>all</a><a href='/private/secret'>no</a><a href='/private/open'>yes</a><a href='http://127.0.0.1:1/x'>far</a>",
        "/list": links + "<a href='/'>home</a><a href='/dead'>dead</a><a href='mailto:a@b'>mail</a>",
        "/private/secret": "<title>secret</title>",
        "/private/open": "<title>open</title>",
        "/orphan": "<title>no link leads here</title>",
        **{url: article(number, f"text {number} &amp; more") for number, url in urls.items()},
    }
    return Paper(pages, urls)


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site(paper().pages)
    yield served
    served.close()


@pytest.fixture
def crawler(tmp_path: Path) -> Iterator[Crawler]:
    settings: dict[str, str | int] = {"top": 10, "connections": 4, "deadline_ms": 120_000}
    service.prepare(paper(), settings, tmp_path)
    work = service.open_work(tmp_path, settings, tmp_path)
    assert isinstance(work, Crawler)
    yield work
    work.close()


def soon() -> float:
    return time.monotonic() + 120


def test_it_finds_what_links_lead_to_and_leaves_what_is_forbidden(site: Site) -> None:
    crawled = crawl(Fetcher(site.base, 4), 4)
    assert sorted(crawled.pages) == sorted(["/", "/list", "/private/open", *paper().urls.values()])
    assert crawled.forbidden == ("/private/secret",)
    assert crawled.failed == {"/dead": "/dead: the site answered 404"}
    assert crawled.pages["/articles/7.html"].title == "Article 7"
    assert crawled.pages["/articles/7.html"].text == "text 7 & more"
    assert site.answers == {200: len(crawled.pages) + 1, 404: 1}, "each page once, and robots.txt; what is forbidden was not asked for"


def test_prepare_says_what_it_found(tmp_path: Path) -> None:
    service.prepare(paper(), {"connections": 2}, tmp_path)
    assert json.loads((tmp_path / "crawl.json").read_text()) == {
        "pages": 33,
        "forbidden": ["/private/secret"],
        "failed": {"/dead": "/dead: the site answered 404"},
    }


@pytest.mark.parametrize(("url", "why"), [("/dead", "/dead: the site answered 404"), ("/orphan", "/orphan: no link leads to it")])
def test_prepare_fails_where_an_items_page_cannot_be_had(tmp_path: Path, url: str, why: str) -> None:
    world = paper()
    world.urls[99] = url
    with pytest.raises(FetchError, match=f"1 pages of items were not crawled; {why}"):
        service.prepare(world, {"connections": 2}, tmp_path)
    assert not (tmp_path / "store.sqlite").exists()


def test_the_deadline_holds_where_times_are_measured_and_in_one_process_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    stage = PlanStage(name="fetch", component="crawler", kind="service", settings={"top": 10, "connections": 4, "deadline_ms": 0})
    in_process = works(None, paper(), {}, tmp_path)(stage)  # type: ignore[arg-type]
    assert isinstance(in_process, Crawler)
    served = service.open_work(prepare_component("crawler", stage.settings, paper()), stage.settings, tmp_path)  # type: ignore[arg-type]
    assert isinstance(served, Crawler)
    with contextlib.closing(in_process), contextlib.closing(served):
        assert in_process({"items": items([3, 1])})["documents"]["item_id"] == [3, 1]
        with pytest.raises(FetchError, match=r"not in time|too late"):
            served({"items": items([3, 1])})


def test_unchanged_pages_are_not_sent_again(crawler: Crawler) -> None:
    documents = crawler({"items": items(list(range(12, 0, -1)))})["documents"]
    assert documents["item_id"] == list(range(12, 2, -1)), "the first ten, in their order"
    assert documents["url"] == [f"/articles/{number}.html" for number in range(12, 2, -1)]
    assert documents["title"][0] == "Article 12"
    assert documents["text"] == [f"text {number} & more" for number in range(12, 2, -1)]
    assert crawler.site.answers == {200: 1, 304: 10}, "robots.txt alone was sent"
    assert crawler({"items": items([])})["documents"]["item_id"] == []


def test_a_changed_page_is_read_anew_once(crawler: Crawler) -> None:
    crawler.site.put("/articles/3.html", article(3, "fresh news"))
    for _ in range(2):
        assert crawler({"items": items([3])})["documents"]["text"] == ["fresh news"]
    assert crawler.site.answers == {200: 2, 304: 1}, "robots.txt and the new page, then nothing new"


def test_a_failed_page_fails_the_call(crawler: Crawler) -> None:
    crawler.site.put("/articles/3.html", None)
    crawler.site.put("/articles/5.html", None)
    with pytest.raises(FetchError, match=r"^/articles/3.html: the site answered 404; /articles/5.html: the site answered 404$"):
        crawler({"items": items([1, 3, 5])})
    with pytest.raises(LookupError, match="77"):
        crawler({"items": items([1, 77])})


def test_calls_at_once_get_their_own_pages(crawler: Crawler) -> None:
    def ask(first: int) -> list[str]:
        return list(crawler({"items": items([first, first + 1, first + 2])})["documents"]["title"])

    with ThreadPoolExecutor(8) as pool:
        for first, titles in zip(range(1, 28), pool.map(ask, range(1, 28)), strict=True):
            assert titles == [f"Article {number}" for number in range(first, first + 3)]


@pytest.mark.parametrize(("connections", "most"), [(1, 1), (3, 3)])
def test_no_more_requests_are_under_way_than_connections(connections: int, most: int) -> None:
    under_way, highest, lock = 0, 0, threading.Lock()
    together = threading.Barrier(most)

    def slow(_client: socket.socket) -> bytes:
        nonlocal under_way, highest
        with lock:
            under_way += 1
            highest = max(highest, under_way)
        together.wait(120)  # as many as are allowed do come at once
        with lock:
            under_way -= 1
        return EMPTY_PAGE

    with served(slow, robots=b"") as base, ThreadPoolExecutor(6) as pool:
        fetcher = Fetcher(base, connections)
        for future in [pool.submit(fetcher.get, f"/{n}", soon()) for n in range(6)]:
            assert future.result().html == ""
    assert highest == most


def test_a_crawl_delay_is_kept() -> None:
    """A request may reach the site late, but never early: before the k-th one, k pauses have passed since the first began."""
    arrivals: list[float] = []

    def noted(_client: socket.socket) -> bytes:
        arrivals.append(time.monotonic())
        return EMPTY_PAGE

    with served(noted, robots=b"User-agent: *\nCrawl-delay: 0.1\n") as base, ThreadPoolExecutor(4) as pool:
        fetcher = Fetcher(base, 4)
        before = time.monotonic()
        for future in [pool.submit(fetcher.get, f"/{n}", soon()) for n in range(4)]:
            future.result()
    assert all(arrival - before >= 0.1 * k for k, arrival in enumerate(sorted(arrivals)))


def test_a_turn_that_comes_after_the_deadline_is_not_waited_for() -> None:
    with served(lambda _client: EMPTY_PAGE, robots=b"User-agent: *\nCrawl-delay: 86400\n") as base:
        fetcher = Fetcher(base, 4)
        fetcher.get("/first", soon())
        with pytest.raises(FetchError, match="too late"):
            fetcher.get("/second", soon())


def test_a_site_that_does_not_answer_is_late() -> None:
    over = threading.Event()
    answers = iter([EMPTY_PAGE])

    def silent(_client: socket.socket) -> bytes:
        """A server that sends one empty page, then nothing while the crawler listens."""
        if (page := next(answers, None)) is not None:
            return page
        over.wait()
        return b""

    with served(silent, robots=b"") as base:
        fetcher = Fetcher(base, 2)
        fetcher.get("/first", soon())
        with pytest.raises(FetchError, match=r"^/page: (ReadTimeoutError|not in time)"):
            fetcher.get("/page", time.monotonic() + 0.3)
        over.set()


def test_a_page_that_comes_drop_by_drop_is_late() -> None:
    hung_up = threading.Event()
    answers = iter([EMPTY_PAGE])

    def dripping(client: socket.socket) -> bytes:
        """A server that sends one empty page, then one that does not end while the crawler listens."""
        if (page := next(answers, None)) is not None:
            return page
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n")
            while not hung_up.wait(0.02):
                client.sendall(b"x")
        except OSError:
            hung_up.set()
        return b""

    with served(dripping, robots=b"") as base:
        fetcher = Fetcher(base, 1)
        fetcher.get("/first", soon())
        with pytest.raises(FetchError, match=r"^/page: "):
            fetcher.get("/page", time.monotonic() + 1)
        assert hung_up.wait(120)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "the site answered 500"),
        (b"HTTP/1.1 301 Away\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", "the site answered 301"),
        (b"HTTP/1.1 304 Same\r\n\r\n", "the site answered 304"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe", "is not UTF-8"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000, "larger than 4 MiB"),
        (b"nonsense\r\n\r\n", "Error"),
    ],
)
def test_what_is_no_page_is_a_failure(answer: bytes, why: str) -> None:
    with served(lambda _client: answer, robots=b"") as base, pytest.raises(FetchError, match=f"^/page: .*{why}"):
        Fetcher(base, 1).get("/page", soon())


def test_without_its_rules_a_site_is_not_crawled() -> None:
    """RFC 9309, 2.3.1: if robots.txt cannot be fetched because of a server error, everything is forbidden."""
    refused = pytest.raises(FetchError, match=r"robots.txt: the site answered 503, so nothing may be fetched")
    with served(lambda _client: EMPTY_PAGE, robots=None) as base, refused:
        Fetcher(base, 1).get("/page", soon())


def test_a_forbidden_page_is_not_asked_for(site: Site) -> None:
    fetcher = Fetcher(site.base, 1)
    with pytest.raises(ForbiddenError):
        fetcher.get("/private/secret", soon())
    assert fetcher.get("/private/open", soon()).html == "<title>open</title>"
    assert site.answers == {200: 2}


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(FetchError, match="NewConnectionError"):
        Fetcher(f"http://127.0.0.1:{port}", 1).get("/page", soon())


@pytest.mark.parametrize(
    ("html", "title", "text"),
    [
        ("<title>a\n b</title><main><h1>a</h1><p>one<b>two</b></p><p>three</p></main><p>not this</p>", "a b", "onetwo\nthree"),
        ("<p>no main</p><script>var x = '<p>';</script><style>p {}</style>", "", "no main"),
        ("<main>open <p>never &lt;closed&gt; &#233;", "", "open\nnever <closed> é"),
        ("<nav><p>menu</p></nav><article>said</article>", "", "said"),
        ("plain", "", "plain"),
        ("", "", ""),
        ("</main></p><main></main>x", "", "x"),
    ],
)
def test_pages_are_read(html: str, title: str, text: str) -> None:
    page = read_page(html)
    assert (page.title, page.text) == (title, text)


@pytest.mark.parametrize(
    ("page", "link", "target"),
    [
        ("/a/b.html", "c.html#top", "/a/c.html"),
        ("/a/b.html", "/c?x=1", "/c?x=1"),
        ("/a/b.html", "..", "/"),
        ("/a/b.html", "#here", "/a/b.html"),
        ("/", "http://h:1", "/"),
        ("/", "http://h:2/x", None),
        ("/", "//h/x", None),
        ("/", "mailto:a@b", None),
        ("/", "javascript:void(0)", None),
    ],
)
def test_links_stay_on_the_site(page: str, link: str, target: str | None) -> None:
    assert on_site("http://h:1", page, link) == target


class served:  # noqa: N801 - reads as a statement: with served(answer) as base
    """A bare server: every request gets what `answer` says; robots.txt is `robots`, None: 503."""

    def __init__(self, answer: Callable[[socket.socket], bytes], robots: bytes | None) -> None:
        self._answer, self._robots = answer, robots
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._over = False

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._over = True
        socket.create_connection(self._listening.getsockname()).close()  # one more connection, so that accept returns
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            if self._over:
                client.close()
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client:
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += client.recv(4096)
            if asked.startswith(b"GET /robots.txt "):
                body, status = (self._robots, b"200 OK") if self._robots is not None else (b"", b"503 Busy")
                client.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
                return
            try:
                client.sendall(self._answer(client))
            except OSError:  # the crawler has hung up
                return
