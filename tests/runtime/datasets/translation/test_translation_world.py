"""The world of translation: splits that share no sentence, requests with their references, apt's texts, the dictionary."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.components.query_parsing.sentence import sentence_of
from aibenchrt.components.text_normalization.service import normalised as written
from aibenchrt.datasets.rows import SPLITS
from aibenchrt.datasets.sources import debian_translations as apt_texts
from aibenchrt.datasets.sources import freedict
from aibenchrt.datasets.sources.debian_translations import load_descriptions
from aibenchrt.datasets.translation import dataset as translation
from aibenchrt.datasets.translation.parallel import Pair, normalised, with_splits
from aibenchrt.datasets.translation.typing_noise import FRAMES, typed
from aibenchrt.datasets.translation.world import TranslationWorld
from aibenchrt.errors import EnvironmentFailure
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def world() -> TranslationWorld:
    return translation.WORLDS.load("synthetic")


def sentences_of(world: TranslationWorld, split: str) -> tuple[set[str], set[str]]:
    pairs = world.pairs(split)
    heard = {normalised(utterance.text) for utterance in world.utterances(split)}
    seen = {normalised(line.text) for line in world.lines(split)}
    return {normalised(text) for text in pairs.source} | heard | seen, {normalised(text) for text in pairs.target}


def shared(world: TranslationWorld) -> list[tuple[str, str, str]]:
    """Sentences of either language that are in two splits."""
    of = {split: sentences_of(world, split) for split in SPLITS}
    both = [(split, other) for number, split in enumerate(SPLITS) for other in SPLITS[number + 1 :]]
    return [(split, other, text) for split, other in both for side in (0, 1) for text in of[split][side] & of[other][side]]


def test_no_sentence_is_in_two_splits(world: TranslationWorld) -> None:
    assert shared(world) == []
    assert all(len(world.kinds(split)) == len(world.pairs(split).source) > 100 for split in SPLITS)
    assert "word" not in {*world.kinds("validation"), *world.kinds("test")}


def test_no_recording_is_in_two_splits(world: TranslationWorld) -> None:
    sounds = [{utterance.wav for utterance in world.utterances(split)} for split in SPLITS]
    assert not sounds[0] & sounds[1] | sounds[0] & sounds[2] | sounds[1] & sounds[2]
    assert sum(map(len, sounds)) == len(world.said)


def test_every_request_has_the_reference_of_its_own_sentence(world: TranslationWorld) -> None:
    reference = dict(zip(world.pairs("test").source, world.pairs("test").target, strict=True))
    for source, port in (("texts", "text"), ("utterances", "audio"), ("pictures", "image")):
        payloads = translation.payloads(world, source)
        assert len(payloads) >= 100
        assert [p.query_id for p in payloads] == list(range(len(payloads)))
        for payload in payloads:
            assert set(payload.values) == {port}
            assert (payload.truth, payload.part) == ({"reference": reference[payload.note]}, "test")
    with pytest.raises(ValueError, match="no source"):
        translation.payloads(world, "queries")


def test_parsing_finds_the_sentence_that_was_typed(world: TranslationWorld) -> None:
    changed = 0
    for payload in translation.payloads(world, "texts"):
        text = str(payload.values["text"]["text"])
        assert sentence_of(written(text)) == payload.note
        changed += text != payload.note
    assert 0.3 < changed / len(world.typed("test")) < 0.6


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("sentence", ["Un chat.", "l'heure d'été : à 5 €", "bibliothèque en C++ (fichiers de développement)"])
def test_every_frame_is_understood(frame: str, sentence: str) -> None:
    assert sentence_of(frame.format(sentence)) == sentence


@given(st.text(max_size=80))
def test_normalising_never_fails_and_twice_is_once(text: str) -> None:
    once = written(text)
    assert written(once) == once
    assert "  " not in once
    assert isinstance(sentence_of(once), str)


def test_a_question_within_a_text_is_left_alone() -> None:
    for text in ("Elle demande comment dit-on « chat ».", "traduire", "« chat »", "comment dire bonjour", ""):
        assert sentence_of(text) == text


def test_how_users_type_says_the_same() -> None:
    rng = np.random.default_rng(1)
    seen = {typed("l’été à la mer", rng) for _ in range(60)}
    assert len(seen) > 6
    assert {sentence_of(written(text)) for text in seen} == {"l'été à la mer"}


def test_equal_sentences_stay_together_and_words_never_test() -> None:
    pairs = [Pair(f"phrase {n}", f"sentence {n // 3}", "synopsis") for n in range(600)] + [Pair("phrase 1", "other", "caption")]
    words = [Pair(f"PHRASE {n}!", f"mot {n}", "word") for n in range(600)] + [Pair("même", "MÊME", "word")]
    split_pairs = with_splits(pairs + words)
    split = {pair.target: pair.split for pair in split_pairs if pair.kind != "word"}
    assert len({pair.target for pair in split_pairs if pair.kind != "word"}) == 201
    for pair in split_pairs:
        if pair.kind == "synopsis":
            assert split[pair.target] == pair.split
    kept = {pair.source for pair in split_pairs if pair.kind == "word"}
    held_out = {normalised(pair.source) for pair in split_pairs if pair.split != "train"}
    assert held_out
    assert {pair.split for pair in split_pairs if pair.kind == "word"} == {"train"}
    assert not {normalised(source) for source in kept} & held_out
    assert "même" not in kept  # nothing is to be translated there
    assert with_splits(list(reversed(pairs))) == tuple(reversed(with_splits(pairs)))


def test_the_same_seed_gives_the_same_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(translation, "SPOKEN", {"train": 3, "validation": 2, "test": 2})
    monkeypatch.setattr(translation, "DRAWINGS", {"train": 3, "validation": 2, "test": 2})
    monkeypatch.setattr(translation, "SENTENCES", 300)
    made = []
    for home in ("one", "two"):
        monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / home))
        made.append(translation.WORLDS.load("synthetic", 3))
    assert made[0].version == made[1].version != translation.WORLDS.load("synthetic", 4).version
    folder = translation.WORLDS.folder(tmp_path / "two", "synthetic", 3)
    stored = translation.WORLDS.stored(folder)
    assert stored is not None
    assert (stored.version, stored.all_pairs, list(stored.sounds)) == (made[0].version, made[0].all_pairs, list(made[0].sounds))
    (folder / "sounds.bin").write_bytes(b"damaged")
    assert translation.WORLDS.stored(folder) is None


DICTIONARY = """
abreuvoir /abʀœvwaʀ/ <n, masc>
bar, pub
abri /abʀi/ <n, masc>
1. asylum
2. bunker, shelter
abricotière /abʀi/ <n, fem>
apricot tree
vite <adv>
fast
"""


def test_the_dictionary_is_read() -> None:
    words = [(word.french, word.english, word.gender) for word in freedict._entries(DICTIONARY)]
    assert words == [
        ("abreuvoir", "bar", "masc"),
        ("abri", "asylum", "masc"),
        ("abri", "bunker", "masc"),
        ("abricotière", "apricot tree", "fem"),
        ("vite", "fast", ""),
    ]


STANZAS = """Package: hello
Description-md5: aa
Description-fr: le programme classique
 Il salue
 le monde.
 .
 Une suite.

Package: other
Description-md5: bb
Description-fr: autre
"""


def test_apts_translations_are_read_and_aligned() -> None:
    texts = dict(apt_texts._stanzas(STANZAS))
    assert apt_texts._parts(texts["aa"]) == ("le programme classique", "Il salue le monde.", "Une suite.")
    assert apt_texts._parts(texts["bb"]) == ("autre",)


def test_another_snapshot_is_told_apart_from_a_damaged_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(apt_texts, "_fetch", lambda _language: {"aa": ("un\n deux", "one\n two")})
    first = load_descriptions("fr")
    assert first.changed
    assert "upstream changed" in first.said
    monkeypatch.setattr(apt_texts, "RECORDED", {"fr": first.sha256})
    again = load_descriptions("fr")
    assert not again.changed
    assert first.sha256[:12] in again.said
    assert again.descriptions[0].translated == ("un", "deux")
    kept = tmp_path / "downloads" / "apt-texts-fr" / "descriptions.json"
    kept.write_text(json.dumps([[["un"], ["two"]]]))
    with pytest.raises(EnvironmentFailure) as damaged:
        load_descriptions("fr")
    assert damaged.value.code == "AIB604"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo 'E: Failed to fetch x  Hash Sum mismatch' >&2; exit 100", "AIB604"),
        ("echo 'W: Failed to fetch x  Hash Sum mismatch' >&2; exit 0", "AIB604"),
        ("echo 'E: Could not resolve' >&2; exit 100", "AIB610"),
        ("echo 'E: write, No space left on device' >&2; exit 100", "AIB605"),
        ("exit 0", "AIB610"),  # no such language in the sources
    ],
)
def test_what_apt_says_is_told_apart(script: str, code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = tmp_path / "bin" / "apt-get"
    client.parent.mkdir()
    client.write_text(f"#!/bin/sh\n{script}\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:/usr/bin:/bin")
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(apt_texts, "_HELPER", str(client))
    with pytest.raises(EnvironmentFailure) as failure:
        load_descriptions("fr")
    assert failure.value.code == code
