"""Extracts title, text and links from a page's HTML, with the standard library's tolerant parser."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

_BLOCKS = frozenset(
    ("address", "article", "blockquote", "body", "br", "dd", "div", "dl", "dt", "figure", "form", "h2", "h3", "h4", "h5", "h6", "hr", "li",
     "main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul")
)  # fmt: skip
_SILENT = frozenset(("script", "style", "template", "noscript", "nav", "header", "footer", "aside", "h1", "title"))
_MAIN = frozenset(("main", "article"))


@dataclass(frozen=True)
class Page:
    """text: one line per paragraph, of <main> or <article> if there is one, without first-level headings. links: as written in the HTML."""

    title: str
    text: str
    links: tuple[str, ...]


def read_page(html: str) -> Page:
    """Never fails: invalid HTML is read as far as possible."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = reader.lines(reader.main) or reader.lines(reader.body)
    return Page(" ".join("".join(reader.title).split()), "\n".join(lines), tuple(reader.links))


def on_site(base: str, page: str, link: str) -> str | None:
    """The path of a link's target on the site at `base`, without fragment; None if it leads to another site. page: the path of the page
    that contains the link."""
    target = urlsplit(urldefrag(urljoin(urljoin(base, page), link)).url)
    site = urlsplit(base)
    if (target.scheme, target.netloc) != (site.scheme, site.netloc):
        return None
    return (target.path or "/") + (f"?{target.query}" if target.query else "")


class _Reader(HTMLParser):
    """Collects pieces of text, with a line break between blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.main: list[str] = []
        self.body: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
        if tag in _BLOCKS:
            self._put("\n")
        if tag in _SILENT or tag in _MAIN:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:  # elements left open inside it are closed with it
                pass
        if tag in _BLOCKS:
            self._put("\n")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "title":
            self.title.append(data)
        else:
            self._put(" ".join(data.split("\n")))

    def _put(self, piece: str) -> None:
        if _SILENT.intersection(self._open):
            return
        self.body.append(piece)
        if _MAIN.intersection(self._open):
            self.main.append(piece)

    @staticmethod
    def lines(pieces: list[str]) -> list[str]:
        rows = ("".join(pieces)).split("\n")
        return [" ".join(line.split()) for line in rows if line.strip()]
