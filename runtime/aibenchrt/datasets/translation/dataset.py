"""The data set `translation`: one world for every component of online translation, French into English, in a real and a synthetic variant.

    package descriptions in two languages (Debian | toy French) ─┐
    captions, many of them spoken  (tuxpaint     | toy French)   ├─ splits ─┬─ typed    ─▶ text requests
    a dictionary                   (FreeDict     | –)            ┘          ├─ recorded ─▶ utterances
                                                                            └─ rendered ─▶ pictures

README.md in this folder says what is observed and what is composed. Truth is the reference translation of the sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aibenchrt.datasets import text_lines
from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources import debian_translations, freedict, tuxpaint_stamps
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.sources.synthetic_speech import speak
from aibenchrt.datasets.translation import toy_french
from aibenchrt.datasets.translation.parallel import Pair, normalised, with_splits
from aibenchrt.datasets.translation.typing_noise import typed
from aibenchrt.datasets.translation.world import TextRequest, TranslationWorld, load, save
from aibenchrt.progress import Progress

LANGUAGE = "fr"
PACKAGES = (
    SourcePackage("Captions of tuxpaint-stamps", tuxpaint_stamps.package(LANGUAGE), tuxpaint_stamps.LICENCE),
    SourcePackage("FreeDict French-English", freedict.PACKAGE, freedict.LICENCE),
)
LONGEST = 80  # characters of a sentence in either language
TYPED = 80  # the most characters of a text request
DRAWN = 48  # the most characters of a picture's line
LINES = {"train": 6000, "validation": 300, "test": 400}
_PARTS = {"train": "fit", "validation": "validation", "test": "test"}
# The synthetic variant.
SENTENCES = 6000
USERS = 3  # how many users type each held-out sentence; with fewer, the scenario's own load would repeat requests
SPOKEN = {"train": 700, "validation": 40, "test": 120}
DRAWINGS = {"train": 900, "validation": 40, "test": 120}


def sizes(world: TranslationWorld) -> str:
    held_out = f"{len(world.typed('test')):,} texts, {len(world.spoken('test')):,} utterances and {len(world.pictured('test')):,} pictures"
    return f"{len(world.all_pairs):,} sentence pairs, {len(world.said):,} spoken, {len(world.shown):,} as pictures; {held_out} held out"


def payloads(world: TranslationWorld, source: str, split: str = "test") -> list[Payload]:
    """The requests of one source ("texts", "utterances" or "pictures") and split, in order of their ids. text: the reference translation.

    There are no text requests in the training split.
    """
    if source == "texts":
        return [_payload("text", {"text": text}, pair, number) for number, (pair, text) in enumerate(world.typed(split))]
    if source == "utterances":
        return [_payload("audio", {"wav": sound}, pair, number) for number, (pair, sound) in enumerate(world.spoken(split))]
    if source == "pictures":
        return [_payload("image", {"png": picture}, pair, number) for number, (pair, picture) in enumerate(world.pictured(split))]
    raise ValueError(f"translation has no source {source!r}; it has texts, utterances and pictures")


def _payload(port: str, value: dict[str, str] | dict[str, bytes], pair: Pair, number: int) -> Payload:
    return Payload({port: value}, {"reference": pair.target}, number, pair.source, _PARTS[pair.split])


def _real(seed: int, progress: Progress) -> TranslationWorld:
    snapshot = debian_translations.load_descriptions(LANGUAGE, progress)
    captions = tuxpaint_stamps.load_captions(LANGUAGE, progress)
    observed = [
        *(Pair(caption.text, caption.english, "caption") for caption in captions),
        *_described(snapshot.descriptions),
        *_words(freedict.load_words(progress)),
    ]
    pairs = with_splits(observed)
    row = {(normalised(pair.source), normalised(pair.target)): number for number, pair in enumerate(pairs)}
    recorded: dict[bytes, int] = {}  # one recording may serve several captions (outlined and filled letters); it counts once
    for caption in captions:
        place = row.get((normalised(caption.text), normalised(caption.english)))
        if caption.wav and place is not None:
            recorded.setdefault(caption.wav, place)
    rng = np.random.default_rng([seed, 1])
    progress("drawing pictures of text", 0.0)
    shown = _chosen(pairs, LINES, DRAWN, rng)
    drawn = [text_lines.picture(pairs[place].source, rng, "real") for place in shown]
    provenance = (
        Provenance("sentences and translations: synopses and paragraphs", "observed", f"Debian's package descriptions, {snapshot.said}",
                   debian_translations.LICENCE),
        Provenance("captions, their translations and recordings", "observed", "Debian's tuxpaint-stamps-default", tuxpaint_stamps.LICENCE),
        Provenance("words, which train only", "observed", "FreeDict, from Debian's dict-freedict-fra-eng", freedict.LICENCE),
        *_composed("the observed sentences"),
    )  # fmt: skip
    return TranslationWorld(
        "", "real", seed, LANGUAGE, provenance, pairs, _texts(pairs, rng), tuple(recorded.values()), tuple(recorded), shown, tuple(drawn)
    )


def _synthetic(seed: int, _progress: Progress) -> TranslationWorld:
    rng = np.random.default_rng([seed, 2])
    pairs = with_splits([Pair(french, english, "synopsis") for french, english in toy_french.sentences(SENTENCES, rng)])
    said = _chosen(pairs, SPOKEN, DRAWN, rng)
    sounds = [speak(pairs[place].source, rng) for place in said]
    shown = _chosen(pairs, DRAWINGS, DRAWN, rng)
    drawn = [text_lines.picture(pairs[place].source, rng, "synthetic") for place in shown]
    provenance = (
        Provenance("sentences and translations", "composed", "a small French of 60 words, seeded", "Apache-2.0"),
        Provenance("recordings", "composed", "one sound a letter, seeded", "Apache-2.0"),
        *_composed("the composed sentences"),
    )
    return TranslationWorld(
        "", "synthetic", seed, LANGUAGE, provenance, pairs, _texts(pairs, rng, USERS), said, tuple(sounds), shown, tuple(drawn)
    )


def _described(descriptions: Sequence[debian_translations.Description]) -> Iterator[Pair]:
    """Pairs of synopses, and of paragraphs whose counterpart has about the same length; lists and long texts are left out."""
    for description in descriptions:
        yield from _fitting(description.translated[0], description.english[0], "synopsis")
        if len(description.translated) == len(description.english):
            for translated, english in zip(description.translated[1:], description.english[1:], strict=True):
                if " * " not in english and not english.startswith(("* ", "- ")):
                    yield from _fitting(translated, english, "paragraph")


def _fitting(source: str, target: str, kind: str) -> Iterator[Pair]:
    source, target = " ".join(source.split()), " ".join(target.split())
    if source and target and max(len(source), len(target)) <= LONGEST and 0.5 < (len(source) + 10) / (len(target) + 10) < 2.2:
        yield Pair(source, target, kind)


def _words(words: Sequence[freedict.Word]) -> Iterator[Pair]:
    """Each word by itself, and nouns also with their article, as in captions."""
    for word in words:
        yield Pair(word.french, word.english, "word")
        if word.gender and word.english[:1].islower():
            article = "An" if word.english[0] in "aeiou" else "A"
            yield Pair(f"{'Un' if word.gender == 'masc' else 'Une'} {word.french}.", f"{article} {word.english}.", "word")


def _chosen(pairs: Sequence[Pair], most: dict[str, int], longest: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Rows of sentences of at most `longest` characters, at most a given number from each split, captions first; ascending."""
    rows: list[int] = []
    for split, count in most.items():
        fit = [n for n, pair in enumerate(pairs) if pair.split == split and pair.kind in _ASKED_FOR and len(pair.source) <= longest]
        mixed = [fit[place] for place in rng.permutation(len(fit))]
        rows += sorted(mixed, key=lambda n: pairs[n].kind != "caption")[:count]
    return tuple(sorted(rows))


_ASKED_FOR = ("caption", "synopsis")


def _texts(pairs: Sequence[Pair], rng: np.random.Generator, users: int = 1) -> tuple[TextRequest, ...]:
    """The typed requests. users: how many users type each held-out sentence, each in their own way."""
    return tuple(
        TextRequest(row, typed(pair.source, rng))
        for row, pair in enumerate(pairs)
        if pair.split != "train" and pair.kind in _ASKED_FOR and len(pair.source) <= TYPED
        for _ in range(users)
    )


def _composed(of: str) -> tuple[Provenance, ...]:
    return (
        Provenance("how users type: words around a sentence, other signs", "composed", f"frames written by hand around {of}", "Apache-2.0"),
        Provenance("pictures of text", "composed", f"rendered from {of}", text_lines.LICENCE),
    )


WORLDS: WorldCache[TranslationWorld] = WorldCache("translation", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
