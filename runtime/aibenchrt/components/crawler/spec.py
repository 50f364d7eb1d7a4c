"""Crawler: fetches pages of a site over HTTP, obeying robots.txt."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import SITE

SPEC = ComponentSpec(
    name="crawler",
    package=__package__,
    family="crawling",
    kind=Kind.SERVICE,
    doc="crawls a whole site beforehand; of the goods found it fetches the pages again, conditionally, from the site it serves on loopback",
    ports=Ports((Port("items", "Items"),), (Port("documents", "Documents"),)),
    settings=(
        Setting("top", "count", 10, (), "how many of the items' pages are fetched, the first ones"),
        Setting("connections", "count", 4, (), "requests under way at the site at once, of all calls together"),
        Setting(
            "deadline_ms", "count", 2000, (), "what the fetching of one call's pages may take; later is a failed call", untimed=600_000
        ),
    ),
    memory_mib=96,
    cpu_ms=4.0,
    needs=(SITE,),
)
