"""The world of movielens_shop: one time split, nothing held out leaks, requests with truth, the same bytes every time."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from aibenchrt.catalog import DATASETS, dataset
from aibenchrt.component import PORT_TYPES
from aibenchrt.datasets.interactions.misspell import misspell
from aibenchrt.datasets.interactions.store import load, save
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.listing import data_rows
from aibenchrt.datasets.movielens_shop import dataset as movielens_shop
from aibenchrt.datasets.movielens_shop.compose import compose_world
from aibenchrt.datasets.movielens_shop.dataset import REAL, SYNTHETIC, WORLDS, payloads
from aibenchrt.datasets.movielens_shop.lexicon import CARRIERS, CORE, SHARED
from aibenchrt.datasets.movielens_shop.phrases import TitleWords
from aibenchrt.datasets.rows import LIKED, SPLITS
from aibenchrt.datasets.sources.departments import CATEGORIES, DEPARTMENTS, GENRE_WORDS
from aibenchrt.datasets.sources.movielens import Ratings, RawItem, RawUser
from aibenchrt.home import home
from cpu_time import quiet_cpu_s
from PIL import Image

SIZES = {"real": REAL, "synthetic": SYNTHETIC}


@pytest.fixture(scope="module", params=[pytest.param("real", marks=pytest.mark.long), "synthetic"])
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS.load(request.param)


def period(world: World, part: str) -> tuple[int, int]:
    end = int(world.interactions.time[-1]) + 1
    return {
        "fit": (0, world.rank_start),
        "rank": (world.rank_start, world.validation_start),
        "validation": (world.validation_start, world.test_start),
        "test": (world.test_start, end),
    }[part]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


# ---- the split


def test_one_global_time_splits_everything(world: World) -> None:
    times = [world.interactions.of(split).time for split in SPLITS]
    assert all(len(part) for part in times)
    assert times[0].max() < world.validation_start <= times[1].min()
    assert times[1].max() < world.test_start <= times[2].min()
    assert world.interactions.time[0] < world.rank_start < world.validation_start


def recomposed(world: World, changed: np.ndarray, seed: int = 99) -> World:
    """The world composed again after every interaction in `changed` got another user, another item and another rating."""
    rng = np.random.default_rng(seed)
    table = world.interactions
    number = int(changed.sum())
    user, item, rating = table.user.copy(), table.item.copy(), table.rating.copy()
    user[changed] = rng.choice([u.user_id for u in world.users], number)
    item[changed] = rng.choice([i.item_id for i in world.items], number)
    rating[changed] = rng.integers(1, 6, number)
    items = tuple(RawItem(i.item_id, i.title, i.year, i.genres) for i in world.items)
    users = tuple(RawUser(u.user_id, u.age, u.gender, u.occupation) for u in world.users)
    ratings = Ratings(items, users, user, item, rating, np.array(table.time))
    return compose_world(world.variant, world.seed, ratings, world.photos, SIZES[world.variant], world.provenance)


def test_nothing_held_out_reaches_what_is_trained_on_indexed_or_served(world: World) -> None:
    other = recomposed(world, world.interactions.time >= world.validation_start)
    assert other.items == world.items  # tiers, popularity, ratings, counts, prices, photos, indexed text
    assert other.users == world.users  # histories, weights
    assert other.queries_of("train") == world.queries_of("train")
    assert other.photo_queries_of("train") == world.photo_queries_of("train")
    for name in ("user", "item", "rating", "time"):
        assert np.array_equal(getattr(other.interactions.of("train"), name), getattr(world.interactions.of("train"), name))
    assert other.queries_of("test") != world.queries_of("test")  # the truth does depend on what was held out


def test_the_check_above_would_notice_a_leak(world: World) -> None:
    last = np.zeros(len(world.interactions), dtype=bool)
    last[np.flatnonzero(world.interactions.time < world.validation_start)[-1]] = True
    other = recomposed(world, last)
    assert other.items != world.items


def test_what_is_served_is_recomputed_from_training_interactions(world: World) -> None:
    count = {item.item_id: 0 for item in world.items}
    likes: dict[int, set[int]] = {user.user_id: set() for user in world.users}
    table = world.interactions
    for user, item, rating, time in zip(table.user, table.item, table.rating, table.time, strict=True):
        if time < world.validation_start:
            count[int(item)] += 1
            if rating >= LIKED:
                likes[int(user)].add(int(item))
    assert {item.item_id: item.interactions for item in world.items} == count
    for user_record in world.users:
        assert set(user_record.history) == likes[user_record.user_id]
        assert user_record.history == world.history(user_record.user_id, world.validation_start)
        assert sum(user_record.weights) == pytest.approx(1.0)
        assert len(user_record.weights) == len(CATEGORIES)


def test_the_world_as_of_an_earlier_time_has_forgotten_the_rest(world: World) -> None:
    earlier = world.snapshot(world.rank_start)
    noise = recomposed(world, world.interactions.time >= world.rank_start).snapshot(world.rank_start)
    served = [(i.item_id, i.tier, i.interactions, i.popularity, i.rating) for i in earlier.items]
    assert served == [(i.item_id, i.tier, i.interactions, i.popularity, i.rating) for i in noise.items]
    assert earlier.users == noise.users
    assert earlier.interactions.of("train").time.max() < world.rank_start
    assert earlier.version != world.version
    same = world.snapshot(world.validation_start)
    assert (same.items, same.users) == (world.items, world.users)
    with pytest.raises(ValueError, match="training period"):
        world.snapshot(world.test_start)


# ---- goods


def test_categories_follow_the_documented_rule_and_are_balanced_enough(world: World) -> None:
    for item in world.items:
        expected = next((name for name, own in DEPARTMENTS if own & set(item.genres)), "drama")
        assert world.categories[item.category] == expected
    sizes = np.bincount([item.category for item in world.items], minlength=10)
    assert sizes.min() >= len(world.items) * 0.04
    assert sizes.max() <= len(world.items) * 0.25


def test_tiers_are_15_35_50_percent_of_each_category_best_first(world: World) -> None:
    for label in range(len(CATEGORIES)):
        own = [item for item in world.items if item.category == label]
        shares = [sum(item.tier == tier for item in own) / len(own) for tier in ("excellent", "good", "bad")]
        assert shares == pytest.approx([0.15, 0.35, 0.50], abs=0.02)
        score = {tier: [i.popularity + (i.rating - 1) / 4 for i in own if i.tier == tier] for tier in ("excellent", "good", "bad")}
        assert min(score["excellent"]) >= max(score["good"])
        assert min(score["good"]) >= max(score["bad"])


def test_photos_are_of_the_items_class_and_never_held_out(world: World) -> None:
    training = set(world.photos.rows("train").tolist())
    for item in world.items:
        assert len(set(item.photos)) == 2
        assert all(photo in training and world.photos.label[photo] == item.category for photo in item.photos)
    assert world.photos.images.dtype == np.uint8
    assert world.photos.images.shape[1:] == (28, 28)
    assert set(np.unique(world.photos.label).tolist()) == set(range(10))


# ---- requests


def test_truth_is_what_the_user_liked_in_the_period_and_the_query_asks_for(world: World) -> None:
    table = world.interactions.where(world.interactions.rating >= LIKED)
    liked: dict[int, list[tuple[int, int]]] = {}
    for user, item, time in zip(table.user.tolist(), table.item.tolist(), table.time.tolist(), strict=True):
        liked.setdefault(user, []).append((time, item))

    def expected(part: str, user: int, label: int, attribute: str) -> list[int]:
        start, end = period(world, part)
        goods = [world.item[item] for time, item in liked[user] if start <= time < end]
        kind, _, value = attribute.partition(":")
        return sorted(
            i.item_id
            for i in goods
            if i.category == label
            and (kind != "year" or str(i.year) == value)
            and (kind != "decade" or f"{i.year // 10}0s" == value)
            and (kind != "genre" or value in i.genres)
        )

    for query in world.queries:
        assert query.truth
        assert list(query.truth) == expected(query.part, query.user_id, query.label, query.attribute)
    for request in world.photo_queries:
        assert request.truth
        assert list(request.truth) == expected(request.part, request.user_id, request.label, "")
        assert world.photos.label[request.photo] == request.label
        assert SPLITS[world.photos.split[request.photo]] == request.split


def test_no_query_copies_an_indexed_title(world: World) -> None:
    titles = set()
    for item in world.items:
        bare = re.sub(r"\(.*?\)", " ", item.title)
        for text in (item.title, bare, re.sub(r"^(.*), (The|A|An)\b", r"\2 \1", bare)):
            titles.add(tuple(words(text)))
            titles.add(tuple(words(re.sub(r", (The|A|An)\b|^(The|A|An) ", "", text))))
    titles.discard(())
    for query in world.queries:
        for text in (query.text, query.clean):
            terms = words(text)
            pieces = {tuple(terms[a:b]) for a in range(len(terms)) for b in range(a + 1, len(terms) + 1)}
            assert not pieces & titles, (text, pieces & titles)


def test_every_form_of_the_lexicon_can_be_asked_for() -> None:
    titles = TitleWords(item.title for variant in WORLDS.variants for item in WORLDS.load(variant).items)
    forms = [form for families in CORE.values() for family in families for form in family] + [f for family, _ in SHARED for f in family]
    assert [form for form in (*forms, *(c.format("") for c in CARRIERS), *GENRE_WORDS.values()) if titles.copied_in(form)] == []
    assert len(forms) == len(set(forms))  # an ambiguous form is shared, not written twice


def test_about_fifteen_percent_of_words_are_misspelt_and_the_rest_are_as_meant(world: World) -> None:
    total = wrong = 0
    for query in world.queries:
        typed, meant = query.text.split(" "), query.clean.split(" ")
        assert len(typed) == len(meant)
        total += len(typed)
        wrong += sum(a != b for a, b in zip(typed, meant, strict=True))
    assert 0.12 < wrong / total < 0.18


def test_misspelling_always_changes_a_word_by_one_edit_and_spares_numbers() -> None:
    rng = np.random.default_rng(3)
    for _ in range(2000):
        typed = misspell("hissing", 1.0, rng)
        assert typed != "hissing"
        assert typed[0] == "h"
        assert abs(len(typed) - len("hissing")) <= 1
    assert misspell("1994 80s of", 1.0, rng) == "1994 80s of"


def test_held_out_queries_use_inflections_that_no_training_query_uses(world: World) -> None:
    trained = {word for query in world.queries_of("train") for word in query.clean.split(" ")}
    tested = [word for query in world.queries_of("test") for word in query.clean.split(" ") if word.isalpha()]
    new = [word for word in tested if word not in trained]
    assert 0.02 < len(new) / len(tested) < 0.25
    stems = {word[:4] for word in trained}
    assert sum(word[:4] in stems for word in new) > 0.8 * len(new)  # known stems: subwords help


def test_there_are_enough_requests_of_each_kind(world: World) -> None:
    enough = {"real": (3000, 300), "synthetic": (500, 100)}[world.variant]
    tests, photos = world.queries_of("test"), world.photo_queries_of("test")
    assert len(tests) >= enough[0]
    assert len(photos) >= enough[1]
    assert len({(q.user_id, q.text) for q in tests}) == len(tests)
    assert len({q.photo for q in photos}) == len(photos)
    assert {q.label for q in tests} == set(range(10))
    returning = np.mean([bool(world.user[q.user_id].history) for q in tests])
    assert returning > 0.8
    assert len({q.user_id for q in tests if world.user[q.user_id].history}) > 100
    assert len(world.queries_of("train", "rank")) + len(world.queries_of("train", "fit")) == len(world.queries_of("train"))


@pytest.mark.parametrize("source", ["queries", "photos"])
def test_payloads_fill_the_ports_that_the_data_sets_spec_declares(world: World, source: str) -> None:
    spec = dataset("movielens_shop")
    assert spec is not None
    ports = next(s.ports for s in spec.sources if s.name == source)
    made = payloads(world, source)
    assert made
    for payload in made:
        assert set(payload.values) == {port.name for port in ports}
        for port in ports:
            assert set(payload.values[port.name]) == {field.name for field in PORT_TYPES[port.type].fields}
        assert payload.truth["relevant"]
        assert 0 <= payload.truth["label"] < 10
    asked = {(q.user_id, q.query_id) for q in (world.queries_of("test") if source == "queries" else world.photo_queries_of("test"))}
    assert {(p.values["user"]["user_id"], p.query_id) for p in made} == asked
    with pytest.raises(ValueError, match="no source"):
        payloads(world, "voices")


def test_a_photo_payload_is_a_png_of_the_photo(world: World) -> None:
    for request, payload in list(zip(world.photo_queries_of("test"), payloads(world, "photos"), strict=True))[:20]:
        picture = Image.open(io.BytesIO(payload.values["image"]["png"]))
        assert picture.mode == "L"
        assert np.array_equal(np.asarray(picture), world.photos.images[request.photo])


def test_provenance_says_of_every_part_whether_it_was_observed(world: World) -> None:
    assert {row.kind for row in world.provenance} == ({"observed", "composed"} if world.variant == "real" else {"composed"})
    said = {row.part for row in world.provenance if row.kind == "composed"}
    assert any("query texts" in part for part in said)
    assert any("prices" in part for part in said)


# ---- the same bytes

_SHOW = """
import hashlib, sys
from aibenchrt.datasets.movielens_shop.dataset import WORLDS, payloads
world = WORLDS.load(sys.argv[1], int(sys.argv[2]))
digest = hashlib.sha256(repr([payloads(world, source) for source in ("queries", "photos")]).encode()).hexdigest()
print(world.version, digest)
"""


def shown(variant: str, seed: int, folder: Path, hash_seed: str) -> list[str]:
    """(version, hash of the payloads) by a fresh process with a home of its own that shares only the downloads."""
    (folder / "downloads").symlink_to(home() / "downloads")
    environment = {**os.environ, "AIBENCH_HOME": str(folder), "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", _SHOW, variant, str(seed)], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes_in_every_process(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    (home() / "downloads").mkdir(exist_ok=True)
    answers = [shown(world.variant, world.seed, tmp_path_factory.mktemp("home"), hash_seed) for hash_seed in ("0", "4711")]
    mine = [payloads(world, source) for source in ("queries", "photos")]
    assert answers[0] == answers[1] == [world.version, hashlib.sha256(repr(mine).encode()).hexdigest()]


def test_another_seed_gives_another_world_on_the_same_ratings() -> None:
    first, second = WORLDS.load("synthetic", 1), WORLDS.load("synthetic", 2)
    assert first.version != second.version
    assert [q.text for q in first.queries] != [q.text for q in second.queries]


def test_a_saved_world_is_read_back_as_it_was(world: World, tmp_path: Path) -> None:
    saved = save(dataclasses.replace(world, version=""), tmp_path / "copy")
    read = load(tmp_path / "copy")
    assert read is not None
    assert saved.version == read.version == world.version
    for name in ("items", "users", "queries", "photo_queries", "provenance", "categories", "rank_start", "test_start"):
        assert getattr(read, name) == getattr(world, name)
    assert np.array_equal(read.photos.images, world.photos.images)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]  # nothing partial is left


def test_the_second_load_composes_nothing_and_takes_less_than_two_seconds_of_cpu(world: World) -> None:
    told: list[str] = []

    def load_again() -> float:
        before = process_time()
        again = WORLDS.load(world.variant, world.seed, lambda text, _: told.append(text))
        assert again.version == world.version
        return process_time() - before

    assert quiet_cpu_s(load_again, tries=2) < 2.0
    assert told == [f"{world.variant} world {world.version[:12]}"] * 2


@pytest.mark.parametrize("victim", ["world.json", "photos.images.npy", "interactions.item.npy"])
def test_a_damaged_world_is_noticed_and_composed_anew(victim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = WORLDS.load("synthetic", 2)
    kept = WORLDS.folder(home(), "synthetic", 2)
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    path = WORLDS.folder(tmp_path, "synthetic", 2) / victim
    shutil.copytree(kept, path.parent)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert load(path.parent) is None
    assert WORLDS.load("synthetic", 2).version == made.version
    assert load(path.parent) is not None


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="real, synthetic"):
        WORLDS.load("imaginary")


def test_describe_lists_every_form_and_source(world: World) -> None:
    rows = data_rows(home(), ["movielens_shop"])
    row = next(r for r in rows if (r.name, r.variant) == ("movielens_shop", world.variant))
    assert (row.state, row.version) == ("here", world.version[:12])
    assert f"{len(world.items):,} goods" in row.sizes
    assert row.bytes > 1000
    assert {r.name for r in rows if r.variant == "source"} == {"MovieLens-100k", "Fashion-MNIST"}
    assert [r.state for r in data_rows(Path("/nonexistent")) if r.name == "movielens_shop"] == ["not made yet", "not made yet"]
    everything = data_rows(Path("/nonexistent"))
    assert {r.name for r in everything} >= {"MovieLens-100k", "Fashion-MNIST", *DATASETS}
    assert len({(r.name, r.variant, r.version) for r in everything}) == len(everything), "a package that several worlds use is listed once"


def test_no_part_of_the_data_code_names_a_registry_host() -> None:
    for path in Path(movielens_shop.__file__).parent.glob("*.py"):
        assert not re.search(r"https?://|\b[\w-]+\.(?:org|com|io|net)\b", path.read_text()), path.name
