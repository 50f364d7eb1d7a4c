"""The world of web_pages: a site that can be crawled, planted copies, requests whose truth is held out, articles that nobody trained on."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from aibenchrt.components.crawler.page import read_page
from aibenchrt.components.hash.service import content_hash, simhash
from aibenchrt.datasets.interactions.misspell import tokens
from aibenchrt.datasets.movielens_shop import dataset as movielens_shop
from aibenchrt.datasets.rows import LIKED
from aibenchrt.datasets.sources import debian_packages
from aibenchrt.datasets.sources import synthetic_articles as web_synthetic
from aibenchrt.datasets.sources.debian_packages import DebianPackage, Snapshot, leaves_of
from aibenchrt.datasets.sources.synthetic_ratings import generate_ratings
from aibenchrt.datasets.web_pages import dataset as web_pages
from aibenchrt.datasets.web_pages.compose import compose_web
from aibenchrt.datasets.web_pages.dataset import SYNTHETIC, WORLDS, payloads
from aibenchrt.datasets.web_pages.queries import CARRIERS, target_page
from aibenchrt.datasets.web_pages.world import STAFF, WebWorld
from aibenchrt.errors import EnvironmentFailure


@pytest.fixture(scope="module", params=WORLDS.variants)
def world(request: pytest.FixtureRequest) -> WebWorld:
    return WORLDS.load(request.param)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = WORLDS.load("synthetic").version
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    assert WORLDS.load("synthetic").version == known
    assert WORLDS.load("synthetic", 8).version != known


def test_every_page_can_be_reached_and_says_its_text(world: WebWorld) -> None:
    reached, left = {"/"}, ["/"]
    while left:
        for link in read_page(world.pages[left.pop()]).links:
            assert urlsplit(link).netloc == ""
            if link not in reached:
                reached.add(link)
                left.append(link)
    assert reached | {"/robots.txt"} == set(world.pages)
    assert f"Disallow: {STAFF[: STAFF.rindex('/') + 1]}" in world.pages["/robots.txt"]
    assert set(world.urls) == {item.item_id for item in world.items}
    for page in world.sheets[::37]:
        read = read_page(world.pages[page.url])
        assert read.title == page.title
        assert read.text.split() == page.text.split()


def test_a_synopsis_is_in_no_index_and_on_no_page(world: WebWorld) -> None:
    """Some texts do say their synopsis; what is indexed is title and text and nothing else."""
    for page in world.sheets:
        assert world.item[page.item_id].text == f"{page.title}\n{page.text}"
    said = [page.synopsis.lower() in page.text.lower() for page in world.sheets]
    assert np.mean(said) < 0.2


def test_copies_are_exact_or_nearly_so_and_nobody_visited_them(world: WebWorld) -> None:
    pages = {page.item_id: page for page in world.sheets}
    exact = [content_hash(pages[c].text) == content_hash(pages[o].text) for c, o in world.copies.items()]
    assert 0.45 < np.mean(exact) < 0.55
    for copy, original in world.copies.items():
        assert world.item[copy].interactions == 0
        assert world.item[copy].category == world.item[original].category
        assert simhash(pages[copy].text) == simhash(pages[original].text)
        assert pages[copy].url != pages[original].url
    originals = [page for page in world.sheets if not page.copy_of]
    assert len({content_hash(page.text) for page in originals}) == len(originals)


def test_requests_ask_for_held_out_likes_in_words_of_the_synopsis(world: WebWorld) -> None:
    likes: dict[tuple[int, int], list[int]] = {}
    rows = world.interactions.where(world.interactions.rating >= LIKED)
    for user, item, time in zip(rows.user.tolist(), rows.item.tolist(), rows.time.tolist(), strict=True):
        likes.setdefault((user, item), []).append(time)
    starts = {"fit": 0, "rank": world.rank_start, "validation": world.validation_start, "test": world.test_start}
    ends = {"fit": world.rank_start, "rank": world.validation_start, "validation": world.test_start, "test": np.inf}
    carried = {word for carrier in CARRIERS for word in tokens(carrier)}
    for query in world.queries:
        page = target_page(query)
        assert page in query.truth
        assert page not in world.copies
        assert not set(tokens(query.clean)) & (set(tokens(world.item[page].title)) - carried)
        for item in query.truth:
            assert any(starts[query.part] <= time < ends[query.part] for time in likes[query.user_id, item])
    counts = Counter(query.part for query in world.queries)
    sizes = {"real": web_pages.REAL, "synthetic": SYNTHETIC}[world.variant]
    assert counts == {part: getattr(sizes, part) for part in ("fit", "rank", "validation", "test")}


def test_payloads_carry_what_users_type_and_the_synopsis_they_wait_for(world: WebWorld) -> None:
    asked = payloads(world, "queries", "test")
    queries = world.queries_of("test")
    assert [payload.query_id for payload in asked] == [query.query_id for query in queries]
    for payload, query in zip(asked, queries, strict=True):
        assert payload.values == {"text": {"text": query.text}, "user": {"user_id": query.user_id}}
        assert payload.truth == {"relevant": query.truth, "label": query.label, "reference": world.synopsis[target_page(query)]}
        assert payload.part == "test"
    assert any(query.text != query.clean for query in queries)
    with pytest.raises(ValueError, match="no source 'photos'"):
        payloads(world, "photos")


def test_held_out_behaviour_changes_nothing_that_is_served() -> None:
    """Noise in place of every like after the training period."""
    ratings = generate_ratings(7)
    leaves = web_synthetic.generate_leaves(7)
    known = compose_web("synthetic", 7, ratings, leaves, SYNTHETIC, ())
    late = ratings.time >= known.validation_start
    rng = np.random.default_rng(1)
    item = np.where(late, rng.permutation(ratings.item), ratings.item)
    other = compose_web("synthetic", 7, dataclasses.replace(ratings, item=item), leaves, SYNTHETIC, ())
    assert other.items == known.items
    assert other.users == known.users
    assert other.sheets == known.sheets
    assert other.pages == known.pages
    assert other.queries_of("train") == known.queries_of("train")
    assert other.queries_of("test") != known.queries_of("test")


def test_the_world_as_it_stood_keeps_its_pages() -> None:
    world = WORLDS.load("synthetic")
    earlier = world.snapshot(world.rank_start)
    assert isinstance(earlier, WebWorld)
    assert earlier.pages == world.pages
    assert earlier.version != world.version
    assert sum(item.interactions for item in earlier.items) < sum(item.interactions for item in world.items)


def test_articles_that_are_measured_are_the_pages_and_no_other_ones(world: WebWorld) -> None:
    texts = {split: [article.text for article in world.articles(split)] for split in ("train", "validation", "test")}
    assert Counter(texts["test"]) == Counter(page.text for page in world.sheets if not page.copy_of)
    assert not set(texts["train"]) & set(texts["test"])
    assert not set(texts["validation"]) & (set(texts["test"]) | set(texts["train"]))
    with pytest.raises(ValueError, match="no split 'all'"):
        world.articles("all")


def test_a_source_package_is_of_one_split() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    packages = [DebianPackage(f"p{k}", f"source{k // 3}", "games", "a b c", f"{words} {k}") for k in range(300)]
    leaves = leaves_of(
        [*packages, DebianPackage("same", "other", "games", "a b c", f"{words} 5"), DebianPackage("x", "x", "debug", "a b c", words)]
    )
    assert len(leaves) == 300, "a text that was there before, or a section of no topic, is a leaf"
    splits: dict[str, set[str]] = {}
    for leaf in leaves:
        splits.setdefault(leaf.group, set()).add(leaf.split)
    assert all(len(of_document) == 1 for of_document in splits.values())
    assert {split for of_document in splits.values() for split in of_document} == {"train", "validation", "test"}


# Debian's indexes.

PACKAGES = """Package: foo
Source: foobar (1.2-1)
Section: non-free/games
Description-md5: 11
Tag: a,
 b

Package: foo
Section: games
Description-md5: 11

Package: bare
Section: net
Description-md5: 99
"""
TRANSLATIONS = """Package: foo
Description-md5: 11
Description-en: A game of foo
 Foo is played with
 bars and more.
  * first entry
    that goes on
  * second entry
 .
 The end.
"""


def test_indexes_are_joined_and_descriptions_unfolded() -> None:
    (only,) = debian_packages._joined(PACKAGES, TRANSLATIONS)
    text = "Foo is played with bars and more.\n* first entry that goes on\n* second entry\nThe end."
    assert only == DebianPackage("foo", "foobar", "games", "A game of foo", text)


def test_a_snapshot_is_fetched_once_and_a_broken_one_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    snapshot = Snapshot("bookworm 12.15", debian_packages.RECORDED + "0" * 52, (DebianPackage("a", "a", "net", "b", "c"),))
    fetched: list[Path] = []
    monkeypatch.setattr(debian_packages, "_fetched", lambda folder: fetched.append(folder) or snapshot)
    assert debian_packages.load_packages() == snapshot == debian_packages.load_packages()
    assert len(fetched) == 1
    assert "upstream changed" not in snapshot.said
    assert "upstream changed" in dataclasses.replace(snapshot, sha256="0" * 64).said
    kept = tmp_path / "downloads" / "debian-packages" / "packages.json.gz"
    kept.write_bytes(kept.read_bytes()[:40])
    with pytest.raises(EnvironmentFailure) as failure:
        debian_packages.load_packages()
    assert failure.value.code == "AIB604"


@pytest.mark.parametrize(("body", "said"), [("echo 'E: no route' >&2; exit 100", "no route"), ("exit 0", "apt has none")])
def test_an_apt_that_cannot_is_an_environment_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str) -> None:
    command = tmp_path / "bin" / "apt-get"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{body}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    with pytest.raises(EnvironmentFailure, match=said) as failure:
        debian_packages.load_packages()
    assert failure.value.code == "AIB610"


def test_provenance_says_what_is_constructed(world: WebWorld) -> None:
    parts = {part.part: part.kind for part in world.provenance}
    assert sum("constructed" in part for part in parts) == 2
    if world.variant == "real":
        assert Counter(parts.values())["observed"] == 3
    else:
        assert set(parts.values()) == {"composed"}
    assert re.fullmatch(r"[\d,]+ pages \([\d,]+ copies\), .* requests held out", web_pages.sizes(world))
    assert world.version != movielens_shop.WORLDS.load("synthetic").version
