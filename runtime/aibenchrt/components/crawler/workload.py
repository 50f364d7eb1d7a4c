"""What crawler is measured with: ten pages of the site at a time."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.datasets.needs import SITE, SiteWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

MOST = 2000  # pages


def tens(world: SiteWorld, _open: OpenService) -> list[Values]:
    pages = list(world.urls)[:MOST]
    return [{"items": {"item_id": pages[start : start + 10]}} for start in range(0, len(pages), 10)]


def documents(world: SiteWorld, open_service: OpenService) -> Sequence[Values]:
    """Fetched pages, as inputs for other components."""
    fetch = open_service("crawler")
    return [fetch(ten) for ten in tens(world, open_service)]


WORKLOADS = (Workload(tens, (SITE,), what="10 pages unchanged"),)
