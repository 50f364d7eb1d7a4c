"""Services about texts: language detection, the content filter, the translation memory, query rewriting and suggestion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.components.content_filter import service as content_filter
from aibenchrt.components.language_detection import service as language_detection
from aibenchrt.components.query_parsing.service import work as parsing
from aibenchrt.components.query_rewrite import service as query_rewrite
from aibenchrt.components.query_rewrite.service import Rewriter, synonyms
from aibenchrt.components.query_suggestion import service as query_suggestion
from aibenchrt.components.translation_memory import service as translation_memory
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.datasets.translation.dataset import WORLDS as TRANSLATIONS
from aibenchrt.datasets.translation.parallel import Pairs
from aibenchrt.values import Work


@dataclass(frozen=True)
class Sentences:
    """A world of sentence pairs."""

    training: tuple[tuple[str, str], ...]
    language: str = "fr"

    def pairs(self, split: str) -> Pairs:
        assert split == "train", "nothing held out is read"
        source, target = zip(*self.training, strict=True)
        return Pairs(source, target)


def said(work: Work, text: str) -> str:
    return str(work({"text": {"text": text}})["report"]["text"])


# --- language detection


def test_held_out_sentences_are_told_apart(tmp_path: Path) -> None:
    world = TRANSLATIONS.load("synthetic")
    language_detection.prepare(world, {}, tmp_path)
    work = language_detection.open_work(tmp_path, {}, tmp_path)
    held_out = world.pairs("test")
    right = [said(work, text).startswith("fr ") for text in held_out.source] + [
        said(work, text).startswith("en ") for text in held_out.target
    ]
    assert sum(right) / len(right) > 0.99


def test_what_says_nothing_is_as_likely_either(tmp_path: Path) -> None:
    language_detection.prepare(Sentences((("le chat", "the cat"),)), {}, tmp_path)
    work = language_detection.open_work(tmp_path, {}, tmp_path)
    assert said(work, "…!").endswith(" 0.500")
    assert said(work, "LE CHAT!").startswith("fr 0.9")
    assert said(work, "the cat").startswith("en 0.9")


# --- content filter

RUDE = Sentences((("Un imbécile.", "An idiot."), ("sot", "stupid"), ("le sot chat", "the stupid cat"), ("un chat", "a cat")))


@pytest.fixture
def watched(tmp_path: Path) -> Work:
    content_filter.prepare(RUDE, {}, tmp_path)
    return content_filter.open_work(tmp_path, {}, tmp_path)


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("le chat dort", "clean"),
        ("", "clean"),
        ("Quel IMBÉCILE, quel imbecile et sot!", "insult 'imbecile'; insult 'sot'"),
        ("you idiot", "insult 'idiot'"),
        ("écrivez à a.b+c@exemple.fr", "an e-mail address"),
        ("appelez le 01 42 68 53 00", "a telephone number"),
        ("carte 4539 1488 0343 6467", "a card number"),
        ("carte 4539 1488 0343 6468", "clean"),  # Luhn's check fails, and no telephone number is so long
        ("FR14 2004 1010 0505 0001 3M02 606 est mon compte", "an account number"),
        ("le 14 juillet 1789", "clean"),
        ("idiot: x@y.org et z@y.org", "insult 'idiot'; an e-mail address; an e-mail address"),
    ],
)
def test_insults_and_personal_data_are_reported_and_not_repeated(watched: Work, text: str, report: str) -> None:
    assert said(watched, text) == report


# --- translation memory


def memory(tmp_path: Path, least: int, *pairs: tuple[str, str]) -> Any:
    translation_memory.prepare(Sentences(pairs), {"least": least}, tmp_path)
    return translation_memory.open_work(tmp_path, {"least": least}, tmp_path)


def recalled(work: Work, text: str) -> str | None:
    outputs = work({"text": {"text": text}})
    assert outputs["text"] == {"text": text}
    return str(outputs["translation"]["text"]) if outputs["hit"]["value"] else None


PAIRS = (
    ("Le chat dort.", "The cat sleeps."),
    ("Le chat mange.", "The cat eats."),
    ("Un chien", "A dog"),
    ("le chat dort", "cat is asleep"),
)


def test_the_nearest_sentence_is_recalled(tmp_path: Path) -> None:
    work = memory(tmp_path, 80, *PAIRS)
    assert recalled(work, "LE CHAT DORT!") == "The cat sleeps.", "of several translations the first"
    assert recalled(work, "le chats dort") == "The cat sleeps."
    assert recalled(work, "le chat mangea") == "The cat eats."
    assert recalled(work, "la reine chante") is None
    assert recalled(work, "") is None
    assert recalled(work, "…") is None


def test_what_counts_as_near_is_a_setting(tmp_path: Path) -> None:
    for least, hits in ((100, 1), (95, 2), (0, 3)):
        folder = tmp_path / str(least)
        folder.mkdir()
        work = memory(folder, least, *PAIRS)
        assert sum(recalled(work, text) is not None for text in ("le chat dort", "le chat dortt", "xyz")) == hits


def test_looking_where_lengths_allow_misses_nothing(tmp_path: Path) -> None:
    world = TRANSLATIONS.load("synthetic")
    settings = {"least": 90}
    translation_memory.prepare(world, settings, tmp_path)
    work: Any = translation_memory.open_work(tmp_path, settings, tmp_path)
    everything = work._sentences
    for text in world.pairs("test").source[:40]:
        best = max(translation_memory.fuzz.ratio(translation_memory.normalised(text), known) for known in everything)
        assert (recalled(work, text) is not None) == (best >= 90)


# --- query rewriting


def query(text: str) -> Any:
    return parsing({"text": {"text": text}})["query"]


def rewritten(work: Work, text: str) -> str:
    return str(work({"query": query(text)})["query"]["text"])


def test_what_no_good_has_goes_and_synonyms_come() -> None:
    work = Rewriter(frozenset({"funny", "comedy", "film"}), {"funny": "comedy"})
    assert rewritten(work, "funny film zzyzx") == "funny film comedy"
    assert rewritten(work, "funny comedy") == "funny comedy", "a synonym that is there already does not come twice"
    assert rewritten(work, "zzyzx qwrt") == "zzyzx qwrt", "something has to be left"
    assert rewritten(work, 'film -funny "zz top" year:1995') == 'film -funny "zz top" year:1995'
    assert work({"query": query("")})["query"] == {"text": "", "term": []}


def test_synonyms_are_words_after_which_people_take_the_same() -> None:
    asked = (
        [(["funny", "film"], [1, 2])] * 5 + [(["comedy"], [1, 2, 2])] * 5 + [(["horror", "film"], [8, 9])] * 5 + [(["rare"], [1, 2])] * 4
    )
    assert synonyms(asked) == {"comedy": "funny", "funny": "comedy", "film": "funny", "horror": "film"}
    assert synonyms([]) == {}


def test_synonyms_of_the_shop_are_of_one_department(tmp_path: Path) -> None:
    world = WORLDS.load("synthetic")
    query_rewrite.prepare(world, {}, tmp_path)
    work: Any = query_rewrite.open_work(tmp_path, {}, tmp_path)
    pairs = work._synonym.items()
    assert len(pairs) > 20
    labels: dict[str, list[int]] = {word: [] for pair in pairs for word in pair}
    for q in world.queries_of("train", "fit"):
        for word in set(query_rewrite.plain(q.text)) & labels.keys():
            labels[word].append(q.label)
    mainly = {word: max(set(own), key=own.count) for word, own in labels.items()}
    assert sum(mainly[word] == mainly[other] for word, other in pairs) / len(pairs) > 0.6


# --- query suggestion


def suggested(work: Work, text: str) -> list[str]:
    return list(work({"query": query(text)})["suggestions"]["text"])


def test_completions_come_first_then_what_shares_words(tmp_path: Path) -> None:
    world = WORLDS.load("synthetic")
    asked = ("star wars", "star trek", "star wars film", "star wars film", "old star", "war film", "star wars toys", "Star  WARS film!")
    train = [replace(q, text=text) for q, text in zip(world.queries_of("train"), asked, strict=False)]
    query_suggestion.prepare(replace(world, version="few", queries=(*train, *world.queries_of("test"))), {}, tmp_path)
    work = query_suggestion.open_work(tmp_path, {"top": 4}, tmp_path)
    assert suggested(work, "star wars") == ["star wars film", "star wars toys", "old star", "star trek"]
    assert suggested(work, "star w") == ["star wars film", "star wars", "star wars toys", "old star"]
    assert suggested(work, "film") == ["star wars film", "war film"]
    assert suggested(work, "nothing like it") == []
    assert suggested(work, "") == []


def test_suggestions_of_the_shop_depend_on_the_query(tmp_path: Path) -> None:
    world = WORLDS.load("synthetic")
    query_suggestion.prepare(world, {"top": 5}, tmp_path)
    work = query_suggestion.open_work(tmp_path, {"top": 5}, tmp_path)
    answers = [tuple(suggested(work, q.text)) for q in world.queries_of("test")[:50]]
    assert len(set(answers)) > 20
    assert {len(answer) for answer in answers} <= set(range(6))
