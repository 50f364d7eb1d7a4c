"""Serves a translator: from a sentence in the source language to its English translation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from aibenchrt.components.text_translation.decoding import Array, greedy, longest_of
from aibenchrt.components.text_translation.vocabulary import Vocabulary
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.values import Values, Work

MOST = 200  # the most source subwords; the rest is cut off


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    encoder, decoder = open_session(folder, "encode"), open_session(folder, "step")
    vocabulary = _vocabulary(folder)
    names = [port.name for port in decoder.get_inputs()]

    def encode(source: Array) -> tuple[Array, Array]:
        keys, values = encoder.run(["source_keys", "source_values"], {"source": source})
        return keys, values

    def step(*inputs: Array) -> tuple[Array, Array, Array]:
        logits, keys, values = decoder.run(["logits", "next_keys", "next_values"], dict(zip(names, inputs, strict=True)))
        return logits, keys, values

    def translate(inputs: Values) -> Values:
        text = str(inputs["text"]["text"]).strip()
        if not text:  # a recogniser may return an empty text
            return {"translation": {"text": ""}}
        ids = vocabulary.encode(text)[:MOST]
        (translation,) = greedy(encode, step, [ids], longest_of(len(ids)))
        return {"translation": {"text": vocabulary.decode(translation)}}

    return translate


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Copying baseline: the source sentence itself."""
    return lambda inputs: {"translation": {"text": str(inputs["text"]["text"])}}


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """As many words as the source has, drawn from the most frequent words of the training translations."""
    words = list(read_metadata(folder)["serving"]["common"])

    def guess(inputs: Values) -> Values:
        text = str(inputs["text"]["text"])
        drawn = random_generator("text", text).integers(len(words), size=max(1, len(text.split())))
        return {"translation": {"text": " ".join(words[place] for place in drawn)}}

    return guess


def common_words(texts: tuple[str, ...], count: int = 500) -> list[str]:
    """The most frequent words of the texts, most frequent first; ties in order of spelling."""
    counted = Counter(word for text in texts for word in text.split())
    return [word for word, _ in sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))[:count]]


def _vocabulary(folder: Path) -> Vocabulary:
    serving: dict[str, Any] = read_metadata(folder)["serving"]
    return Vocabulary(serving["symbols"], [(left, right) for left, right in serving["merges"]])
