"""Known-item requests of web search: a user looks for a page that the user went on to like, in words of its synopsis.

The synopsis is in no index. A query has some of its words (none from the page's own title), some of them paraphrased or misspelt. The truth
is that page and all other pages liked by the user in the period whose synopses also contain all of these words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aibenchrt.datasets.draws import choose
from aibenchrt.datasets.interactions.askers import Askers, Period, askers_of
from aibenchrt.datasets.interactions.misspell import misspell, tokens
from aibenchrt.datasets.rows import Interactions, Item, Query

WORDS = (0.20, 0.45, 0.35)  # probability of one, two, three words of the synopsis in a query
OTHERWISE = 0.35  # fraction of the words in PUT_OTHERWISE that are paraphrased
INFLECTED = 0.10  # fraction of the other words that lose or gain a plural s
MISSPELT = 0.12  # fraction of the words of four or more letters

CARRIERS = ("{}", "{}", "{}", "{}", "{}", "{} software", "free {}", "{} linux", "looking for {}", "best {}", "how to get {}")

STOP = frozenset(
    tokens(
        """a an and any are as at be by can for from has have how in into is it its like more most non not of on one or other over own per
        such that the their them these this those to up use used uses using via was well with within without you your
        based data files common package packages debian gnu linux free software"""
    )
)

PUT_OTHERWISE: Mapping[str, tuple[str, ...]] = {
    "application": ("app", "program"), "applications": ("apps", "programs"), "archive": ("backup",), "audio": ("sound", "music"),
    "bindings": ("wrapper", "interface"), "browser": ("viewer",), "build": ("compile", "make"), "calculator": ("calculation",),
    "checker": ("check", "validation"), "client": ("program", "app"), "collection": ("set", "bundle"), "command": ("shell",),
    "compiler": ("compile",), "compression": ("compress", "zip"), "configuration": ("settings", "config"), "converter": ("convert",),
    "create": ("make",), "daemon": ("service", "server"), "database": ("db",), "desktop": ("gui",), "development": ("dev", "developer"),
    "display": ("show", "screen"), "distributed": ("cluster",), "documentation": ("docs", "manual"), "documents": ("papers", "texts"),
    "download": ("fetch", "get"), "editor": ("edit", "editing"), "email": ("mail",), "engine": ("core",),
    "extension": ("plugin", "addon"), "extensions": ("plugins", "addons"), "fast": ("quick", "speedy"), "file": ("document",),
    "flexible": ("configurable",), "framework": ("toolkit",), "game": ("play",), "generate": ("create", "make"),
    "generator": ("generate", "creator"), "graphical": ("gui", "visual"), "graphics": ("drawing", "pictures"),
    "image": ("picture", "photo"), "images": ("pictures", "photos"), "implementation": ("version",), "interface": ("api", "frontend"),
    "internet": ("web", "online"), "language": ("lang",), "library": ("lib", "module"), "lightweight": ("small", "light"),
    "local": ("offline",), "mail": ("email",), "manage": ("organize",), "management": ("manager", "organizer"),
    "manager": ("management", "organizer"), "manipulation": ("editing", "changing"), "mathematical": ("math",), "message": ("chat",),
    "messages": ("chat",), "module": ("library", "plugin"), "monitor": ("watch",), "monitoring": ("watching",), "multimedia": ("media",),
    "music": ("songs", "audio"), "network": ("networking", "lan"), "object": ("oo",), "parser": ("parse", "reader"),
    "password": ("passphrase",), "photo": ("picture",), "plotting": ("charts", "plots"), "player": ("play", "playing"),
    "plugin": ("extension", "addon"), "printing": ("printer", "print"), "processing": ("handling",), "programming": ("coding", "code"),
    "program": ("app", "tool"), "protocol": ("standard",), "read": ("load",), "reader": ("viewer", "read"), "remote": ("distant",),
    "running": ("execute",), "scientific": ("science",), "search": ("find", "lookup"), "secure": ("safe", "encrypted"),
    "security": ("protection",), "server": ("service", "daemon"), "simple": ("easy", "basic"), "simulator": ("simulation", "emulator"),
    "small": ("tiny", "little"), "statistical": ("statistics",), "statistics": ("stats",), "storage": ("store",),
    "support": ("handling",), "synchronization": ("sync",), "system": ("os",), "template": ("layout",), "terminal": ("console",),
    "test": ("check",), "testing": ("tests", "check"), "text": ("words", "writing"), "theme": ("style", "skin"),
    "tool": ("utility", "program"), "tools": ("utilities", "programs"), "toolkit": ("framework",), "translation": ("translate",),
    "user": ("personal",), "utilities": ("tools",), "utility": ("tool",), "video": ("movie", "film"), "viewer": ("view", "reader"),
    "virtual": ("emulated",), "visualization": ("plots", "visual"), "web": ("internet", "www"), "widget": ("control",),
    "window": ("gui",), "wrapper": ("bindings",), "write": ("save",), "writing": ("text",),
}  # fmt: skip


TARGET = "page:"  # a Query's attribute names the page that the user has in mind


@dataclass(frozen=True)
class Pages:
    """The pages by item id. synopsis: the line that queries are made from; words: the words in it."""

    synopsis: Mapping[int, str]
    words: Mapping[int, frozenset[str]]


def compose_web_queries(
    periods: Sequence[Period], interactions: Interactions, items: Mapping[int, Item], synopsis: Mapping[int, str], rng: np.random.Generator
) -> tuple[Query, ...]:
    """The requests of every period, ids from 0; a user never sends the same query twice in a period."""
    pages = Pages(synopsis, {item_id: frozenset(tokens(line)) for item_id, line in synopsis.items()})
    queries: list[Query] = []
    for period in periods:
        askers = askers_of(period, interactions, items)
        asked: set[tuple[int, str]] = set()
        for _ in range(period.texts if askers.likes else 0):
            query = _new_query(len(queries), period, askers, pages, asked, rng)
            asked.add((query.user_id, query.text))
            queries.append(query)
    return tuple(queries)


def _new_query(query_id: int, period: Period, askers: Askers, pages: Pages, asked: set[tuple[int, str]], rng: np.random.Generator) -> Query:
    for _ in range(1000):
        wish = askers.draw(rng)
        title = wish.target.title
        known = telling(pages.synopsis[wish.target.item_id], title)
        if not known:
            continue
        count = min(len(known), 1 + int(rng.choice(len(WORDS), p=WORDS)))
        words = [known[k] for k in sorted(rng.choice(len(known), size=count, replace=False).tolist())]
        own = frozenset(tokens(title))
        clean = choose(CARRIERS, rng).format(" ".join(_put(word, own, rng) for word in words))
        text = misspell(clean, MISSPELT, rng)
        if (wish.user_id, text) not in asked:
            liked = [item.item_id for group in askers.likes[wish.user_id].values() for item in group]
            truth = tuple(sorted(item_id for item_id in liked if pages.words[item_id].issuperset(words)))
            attribute = f"{TARGET}{wish.target.item_id}"
            return Query(query_id, period.split, period.part, wish.user_id, wish.label, text, clean, attribute, truth)
    raise AssertionError("a thousand wishes in a row gave no query that may be asked")


def target_page(query: Query) -> int:
    """The item id of the page that the user has in mind."""
    return int(query.attribute.removeprefix(TARGET))


def telling(synopsis: str, title: str) -> tuple[str, ...]:
    """The words of a synopsis that a query may contain, without duplicates, in order: no stop words, no numbers, none from the title."""
    own = STOP | frozenset(tokens(title))
    return tuple(dict.fromkeys(word for word in tokens(synopsis) if len(word) > 2 and word.isalpha() and word not in own))


def _put(word: str, own: frozenset[str], rng: np.random.Generator) -> str:
    """The word or a paraphrase of it, which is never one of `own`."""
    draw = rng.random()
    if word in PUT_OTHERWISE:
        other = choose(PUT_OTHERWISE[word], rng)
        return other if draw < OTHERWISE and other not in own else word
    other = word[:-1] if word.endswith("s") else word + "s"
    return other if draw < INFLECTED and len(other) > 3 and other not in own else word
