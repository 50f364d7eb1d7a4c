"""What the non-AI components answer, on the synthetic world: in process, prepared as in a run. The host is tested in test_services."""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.components.cache_lookup.store import AnswerCache
from aibenchrt.components.event_log.service import EventLog, Impression, append, read_events
from aibenchrt.components.indexing import service as indexing
from aibenchrt.components.query_parsing import service as query_parsing
from aibenchrt.components.query_parsing.terms import read_term, words
from aibenchrt.components.spelling_correction import service as spelling
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.datasets.rows import Item
from aibenchrt.serve.prepare import prepare_component
from aibenchrt.values import Value
from prepared_components import check_tables, opened


@pytest.fixture(scope="module")
def world() -> World:
    return WORLDS.load("synthetic", 7)


def parsed(text: str) -> Any:
    return query_parsing.work({"text": {"text": text}})["query"]


def category(**probability: float) -> Value:
    pairs = sorted(((int(label[1:]), p) for label, p in probability.items()), key=lambda pair: -pair[1])
    return {"label": [label for label, _ in pairs], "probability": [p for _, p in pairs]}


# --- query parsing


@pytest.mark.parametrize(
    ("typed", "text", "terms"),
    [
        ("Great  COMEDY", "great comedy", ["great", "comedy"]),
        ("ﬁlm ＦＵＬＬ Misérables Straße", "film full miserables strasse", ["film", "full", "miserables", "strasse"]),
        ("what's new, rock'n'roll & sci-fi!?", "whats new rocknroll sci fi", ["whats", "new", "rocknroll", "sci", "fi"]),
        ("aliens Year:1995 genre:Film-Noir", 'aliens year:1995 genre:"film noir"', ["aliens", "year:1995", "genre:film noir"]),
        ("year:[1990 TO 1995] war", "year:1990..1995 war", ["year:1990..1995", "war"]),
        ("“star wars” -horror -year:1977", '"star wars" -horror -year:1977', ["star wars", "-horror", "-year:1977"]),
        ("alien: covenant at 10:30", "alien covenant at 10 30", ["alien", "covenant", "at", "10", "30"]),
        ("star wars - a new hope star", "star wars a new hope", ["star", "wars", "a", "new", "hope"]),
        ('"unclosed phrase', '"unclosed phrase"', ["unclosed phrase"]),
        ("", "", []),
        ("!!! ?", "", []),
        ("(" * 5000 + "deep" + ")" * 5000, "", []),
        ("(" * 100 + "deep" + ")" * 100, "deep", ["deep"]),
        ("日本 映画", "日本 映画", ["日本", "映画"]),
    ],
)
def test_queries_become_terms(typed: str, text: str, terms: list[str]) -> None:
    assert parsed(typed) == {"text": text, "term": terms}


def test_any_text_parses_and_its_text_form_is_a_fixpoint() -> None:
    rng = random.Random(7)
    alphabet = "ab :\"()[]{}+-*/\\^~&|!?<>.TOINANDORNOT0123'\u0300é\x00\n"
    for _ in range(20_000):
        query = parsed("".join(rng.choice(alphabet) for _ in range(rng.randrange(30))))
        assert [str(read_term(term)) for term in query["term"]] == query["term"]
        assert parsed(query["text"]) == query


# --- spelling correction


def test_known_words_numbers_phrases_and_filters_stay(world: World) -> None:
    spell = opened(world, "spelling_correction")
    title = next(word for item in world.items for word in words(item.title) if len(word) > 4)
    query = parsed(f'movie {title} 1994 90s ok "stra wras" -scray genre:comdy')
    assert spell({"query": query})["query"] == query


def test_misspellings_are_corrected(world: World) -> None:
    spell = opened(world, "spelling_correction")
    corrected = spell({"query": parsed("moive with romanse and comdy movie")})["query"]
    assert corrected == {"text": "movie with romance and comedy", "term": ["movie", "with", "romance", "and", "comedy"]}


def test_accuracy_on_held_out_queries(world: World) -> None:
    """The figures of the real world are in the component's README."""
    corrected, untouched = spelling.accuracy(opened(world, "spelling_correction"), world.queries_of("test"))
    assert untouched < 0.6
    assert corrected > 0.8


def test_a_word_typed_often_is_learnt_and_its_misspelling_is_not() -> None:
    typed = {"quirkiest": 40, "quirkeist": 6, "moive": 30, "once": 1}
    assert spelling.learnt_words(typed | {"movie": 1000}, {"movie": 1.0}) == ["quirkiest"]


# --- indexing


def found_items(world: World, outputs: Mapping[str, Any]) -> list[Item]:
    return [world.item[item_id] for item_id in outputs["items"]["item_id"]]


def test_search_looks_where_the_category_says(world: World) -> None:
    search = opened(world, "indexing", limit=2000)
    for label in range(10):
        outputs = search({"category": category(**{f"c{label}": 0.95, f"c{(label + 1) % 10}": 0.05})})
        goods = found_items(world, outputs)
        assert {good.category for good in goods} == {label}
        assert len(goods) == outputs["hits"]["value"] == sum(item.category == label for item in world.items)
        popularity = [good.popularity for good in goods]
        assert popularity == sorted(popularity, reverse=True), "without a query: the popular ones first"
    both = found_items(world, search({"category": category(c3=0.6, c5=0.4)}))
    assert {good.category for good in both} == {3, 5}
    assert both[0].category == 3


def test_words_of_the_query_come_first_and_filters_hold(world: World) -> None:
    search = opened(world, "indexing", limit=2000)
    label, year = Counter((item.category, item.year) for item in world.items).most_common(1)[0][0]
    where = category(**{f"c{label}": 1.0})
    goods = found_items(world, search({"category": where, "query": parsed(f"something from {year} please")}))
    matches = sum(good.year == year for good in goods)
    assert 0 < matches < len(goods)
    assert all(good.year == year for good in goods[:matches])
    filtered = {good.item_id for good in found_items(world, search({"category": where, "query": parsed(f"year:{year}")}))}
    assert filtered == {item.item_id for item in world.items if item.category == label and item.year == year}
    decade = search({"category": where, "query": parsed(f"decade:{year // 10 * 10}s -year:{year}")})
    assert {good.year // 10 for good in found_items(world, decade)} <= {year // 10}
    assert all(good.year != year for good in found_items(world, decade))
    item = next(item for item in world.items if len(words(item.title)) >= 2)
    asked = {"category": category(**{f"c{item.category}": 1.0}), "query": parsed(f'"{" ".join(words(item.title)[:2])}"')}
    assert item.item_id in search(asked)["items"]["item_id"]
    nothing = search({"category": where, "query": parsed("year:3000")})
    assert nothing["hits"]["value"] == 0
    assert nothing["items"]["item_id"] == []


def test_tiers_and_shards_share_the_goods_out(world: World) -> None:
    everywhere = category(**{f"c{label}": 0.1 for label in range(10)})
    seen: dict[str, set[int]] = {}
    for tier in ("excellent", "good", "bad", "others", "all"):
        items = opened(world, "indexing", tier=tier, shards=2, limit=5000)({"category": everywhere})["items"]
        seen[tier] = set(items["item_id"])
        assert seen[tier] == {item.item_id for item in world.items if item.tier in indexing.TIERS[tier]}
        assert items["popularity"] == pytest.approx([world.item[i].popularity for i in items["item_id"]])
        assert items["recommend_score"] == items["rank_score"] == [0.0] * len(seen[tier])
    assert seen["others"] == seen["good"] | seen["bad"]
    assert seen["all"] == seen["excellent"] | seen["others"]


def test_scores_of_shards_are_comparable(world: World) -> None:
    """Three shards rank almost as one index does, which they would not without the catalogue's idf."""
    single, three = (opened(world, "indexing", shards=shards, limit=20) for shards in (1, 3))
    overlap, scores = [], []
    for query in world.queries_of("validation")[:300]:
        inputs = {"category": category(**{f"c{query.label}": 0.9, "c9": 0.1}), "query": parsed(query.clean)}
        first, second = single(inputs), three(inputs)
        assert first["hits"] == second["hits"]
        whole = dict(zip(first["items"]["item_id"], first["items"]["search_score"], strict=True))
        split = dict(zip(second["items"]["item_id"], second["items"]["search_score"], strict=True))
        overlap.append(len(whole.keys() & split.keys()) / len(whole))
        scores += [abs(split[item] / whole[item] - 1) for item in whole.keys() & split.keys()]
    assert sum(overlap) / len(overlap) > 0.97
    assert sorted(scores)[int(0.99 * len(scores))] < 0.1


def test_the_index_holds_only_words_that_may_be_indexed(world: World) -> None:
    folder = prepare_component("indexing", {"tier": "all", "shards": 1, "limit": 100}, world)
    frequency = json.loads((folder / "statistics.json").read_text())["frequency"]
    allowed = {word for item in world.items for word in words(item.text)}
    assert set(frequency["title"]) | set(frequency["attributes"]) <= allowed


def test_a_search_without_a_category_fails(world: World) -> None:
    with pytest.raises(ValueError, match="nothing to search in"):
        opened(world, "indexing")({"category": category()})


# --- database operation


def test_tables_answer_as_the_world(world: World) -> None:
    check_tables(world, "sqlite")


def test_threads_share_a_database(world: World) -> None:
    users = opened(world, "database_operation", table="users")
    wrong: list[int] = []

    def read() -> None:
        for user in world.users[:200]:
            if users({"user": {"user_id": user.user_id}})["profile"]["history"] != list(user.history):
                wrong.append(user.user_id)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- cache


def shown(*item_ids: int) -> dict[str, list[Any]]:
    return {
        "item_id": list(item_ids),
        "title": [f"'{i}\u2028" for i in item_ids],
        "category": [0] * len(item_ids),
        "price": [0.5] * len(item_ids),
    }


def test_the_oldest_answers_go_beyond_capacity(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path, "answers")
    for number in range(10):
        cache.store(1, f"query {number}", shown(number), 5)
    cache.store(1, "query 5", shown(55), 5)  # the newest again, and its answer replaced
    cache.store(1, "query 10", shown(10), 5)
    kept = [number for number in range(11) if cache.lookup(1, f"query {number}") is not None]
    assert kept == [5, 7, 8, 9, 10]
    assert cache.lookup(1, "query 5") == shown(55)
    assert cache.lookup(2, "query 5") is None
    assert AnswerCache(tmp_path, "other").lookup(1, "query 5") is None


def test_an_answer_without_a_query_is_not_stored(world: World, tmp_path: Path) -> None:
    store = opened(world, "cache_store", tmp_path)
    lookup = opened(world, "cache_lookup", tmp_path)
    assert store({"user": {"user_id": 1}, "details": shown(1)}) == {}
    assert lookup({"user": {"user_id": 1}, "query": {"text": "", "term": []}})["hit"] == {"value": False}


def store_many(state: Path, user: int) -> None:
    cache = AnswerCache(state, "answers")
    for number in range(100):
        cache.store(user, f"query {number}", shown(user, number), 250)
        cache.lookup(user, "query 0")


def open_together(folder: Path, gate: Any) -> None:
    for number in range(100):
        (folder / str(number)).mkdir(exist_ok=True)
        gate.wait(120)
        while time.time() % 0.01 > 0.0001:  # both at once, to a fraction of a millisecond
            pass
        AnswerCache(folder / str(number), "answers")


def test_processes_that_begin_one_cache_at_once_wait_for_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    processes = [context.Process(target=open_together, args=(tmp_path, gate)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    assert [process.exitcode for process in processes] == [0, 0]


def test_processes_write_one_cache(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=store_many, args=(tmp_path, user)) for user in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    cache = AnswerCache(tmp_path, "answers")
    kept = [(user, number) for user in range(4) for number in range(100) if cache.lookup(user, f"query {number}") is not None]
    assert len(kept) == 250
    assert all(cache.lookup(user, f"query {number}") == shown(user, number) for user, number in kept)


# --- event log


def test_events_are_read_back_in_order_and_by_day(tmp_path: Path) -> None:
    times = iter((1_600_000_000_000_000_000, 1_600_000_001_000_000_000, 1_600_100_000_000_000_000))
    log = EventLog(tmp_path / "events", lambda: next(times))
    for user in (3, None, 5):
        log({"details": shown(8, 9), **({"user": {"user_id": user}} if user is not None else {})})
    assert [path.name for path in sorted((tmp_path / "events").iterdir())] == ["2020-09-13.jsonl", "2020-09-14.jsonl"]
    events = list(read_events(tmp_path))
    assert [event.user_id for event in events] == [3, None, 5]
    assert events[0] == Impression(1_600_000_000_000_000_000, 3, (8, 9), (0, 0))


def test_a_torn_line_is_cut_off_before_the_next_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path, b"one\n")
    with path.open("ab") as file:
        file.write(b"torn by a cra")
    append(path, b"two\nthree\n")
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_a_line_that_cannot_be_written_fails_its_call(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events", lambda: 0)
    (tmp_path / "events" / "1970-01-01.jsonl").mkdir()
    with pytest.raises(OSError, match="directory"):
        log({"details": shown(1)})
    (tmp_path / "events" / "1970-01-01.jsonl").rmdir()
    assert log({"details": shown(1)}) == {}
