"""What hash is measured with: ten fetched pages at a time; the figures are how many planted copies and how many other pages it drops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibenchrt.components.crawler.workload import documents
from aibenchrt.datasets.needs import SITE
from aibenchrt.values import Work
from aibenchrt.workload import Figure, Figures, OpenService, Workload

if TYPE_CHECKING:
    from aibenchrt.datasets.web_pages.world import WebWorld


def copies(world: WebWorld, open_service: OpenService) -> list[Figure]:
    hashes = open_service("hash")
    text = {page.item_id: page.text for page in world.sheets}
    pages = list(text)
    dropped = sum(_drops(hashes, text[copy], text[original]) for copy, original in world.copies.items())
    pairs = [(pages[k], pages[-k - 1]) for k in range(len(pages) // 2)]
    wrong = sum(_drops(hashes, text[first], text[last]) for first, last in pairs if world.copies.get(last) != first)
    return [
        ("planted copies that are dropped", f"{dropped} of {len(world.copies)}"),
        ("other pairs of pages taken for copies", f"{wrong} of {len(pairs)}"),
    ]


def _drops(hashes: Work, first: str, second: str) -> bool:
    """Whether only one of two documents with these texts is kept."""
    inputs = {"item_id": [1, 2], "url": ["/1", "/2"], "title": ["", ""], "text": [first, second]}
    return len(hashes({"documents": inputs})["documents"]["item_id"]) == 1


WORKLOADS = (Workload(documents, (SITE,), what="10 documents"),)
FIGURES = (Figures(copies, (SITE,), worlds=("web_pages",)),)
