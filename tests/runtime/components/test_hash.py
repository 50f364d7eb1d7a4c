"""Hash: exact and near duplicates go, what is merely alike stays."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.components.hash import service
from aibenchrt.components.hash.service import content_hash, simhash
from aibenchrt.values import Work

TEXT = (
    "The crawler walks over the pages of a site and keeps what it finds there in a store, so that a later visit asks only for what "
    "has changed since. It reads the rules of the site before anything else, waits between two requests where it is asked to, and "
    "says of every page that could not be had why that was so.\nNothing of this is new, and all of it is easily done wrong."
)


def opened(**settings: str | int) -> Work:
    return service.open_work(Path(), {"duplicates": "near", "bits": 3, "top": 10} | settings, Path())


def documents(*texts: str) -> dict[str, list[Any]]:
    numbers = list(range(1, len(texts) + 1))
    return {"item_id": numbers, "url": [f"/{n}" for n in numbers], "title": [f"page {n}" for n in numbers], "text": list(texts)}


def kept(work: Work, *texts: str) -> list[int]:
    unique = work({"documents": documents(*texts)})["documents"]
    assert unique["url"] == [f"/{n}" for n in unique["item_id"]]
    assert unique["text"] == [texts[n - 1] for n in unique["item_id"]]
    return list(unique["item_id"])


def test_of_several_alike_the_first_stays() -> None:
    near = TEXT.replace("easily", "EASILY").replace(". It", " .  It")
    assert kept(opened(), TEXT, "another text about something else entirely, and long enough", TEXT, near) == [1, 2]
    assert kept(opened(duplicates="exact"), TEXT, TEXT, near) == [1, 3]
    assert kept(opened()) == []
    assert kept(opened(), "", "", "one") == [1, 3]
    assert kept(opened(top=2), "one", "one", "two", "three") == [1, 3]


def changed(words: list[str], count: int, draw: random.Random) -> str:
    """The text with a number of words replaced."""
    copy = list(words)
    for place in draw.sample(range(len(copy)), count):
        copy[place] = f"word{draw.randrange(10**6)}"
    return " ".join(copy)


def test_the_more_words_differ_the_more_bits_do() -> None:
    draw = random.Random(7)
    words = [f"w{draw.randrange(3000)}" for _ in range(400)]
    original = simhash(" ".join(words))

    def distance(count: int) -> float:
        return sum((original ^ simhash(changed(words, count, draw))).bit_count() for _ in range(20)) / 20

    apart = [distance(count) for count in (0, 1, 20, 400)]
    assert apart[0] == 0
    assert 0 < apart[1] < 6
    assert apart[1] < apart[2] < apart[3]
    assert 28 <= apart[3] <= 36, "unrelated texts differ in half of the bits"


def test_unrelated_texts_are_no_near_duplicates() -> None:
    draw = random.Random(1)
    hashes = [simhash(" ".join(f"w{draw.randrange(500)}" for _ in range(30))) for _ in range(300)]
    assert min((first ^ second).bit_count() for first, second in combinations(hashes, 2)) > 3


@pytest.mark.parametrize("text", ["", "one", "one two", "日本 映画", "\ud7ff \U0001f600", "!!! ?"])
def test_any_text_has_its_hashes(text: str) -> None:
    assert len(content_hash(text)) == 16
    assert 0 <= simhash(text) < 2**64
    assert simhash(text) == simhash(f"  {text.upper()}\n")


def test_the_hashes_stay_what_they_are() -> None:
    """Stored hashes would be worthless if they changed; XXH3's own test vector for no bytes."""
    assert content_hash("").hex() == "99aa06d3014798d86001c324468d497f"
    assert simhash(TEXT) == simhash(TEXT)
    assert content_hash(TEXT) != content_hash(TEXT + " ")
