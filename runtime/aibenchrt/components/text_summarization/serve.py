"""Serves a summarizer: from documents to their snippets, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.text_summarization.features import ids, lowered, said, split
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.values import Values, Work

LONGEST_SNIPPET = 16  # the most words of a tagger's summary
LEAST_KEPT = 3  # if fewer words pass the threshold, those with the highest logits are kept
PADDING, UNKNOWN, START, STOP = 0, 1, 2, 3

Summarize = Callable[[Sequence[str]], list[str]]


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    serving = read_metadata(folder)["serving"]
    if "vocabulary" in serving:
        return snippets(_pointer(folder, serving))
    session, threshold, longest = open_session(folder), float(serving["threshold"]), int(serving["longest"])

    def summarize(texts: Sequence[str]) -> list[str]:
        (logits,) = session.run(["logits"], {"ids": ids(texts, longest).astype(np.int64)})
        return [shortened(text, row, threshold, longest) for text, row in zip(texts, logits, strict=True)]

    return snippets(summarize)


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The lead baseline: the first words of a text, as many as gave the best result on validation texts."""
    count = int(read_metadata(folder)["serving"]["lead"])
    return snippets(lambda texts: [lead(text, count) for text in texts])


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Words of the text drawn at random, as many as the baseline shows."""
    count = int(read_metadata(folder)["serving"]["lead"])

    def guess(texts: Sequence[str]) -> list[str]:
        snippets = []
        for text in texts:
            words = split(text, 1000)
            kept = random_generator("snippet", text).permutation(len(words))[:count].tolist()
            snippets.append(" ".join(text[words[k].start : words[k].end] for k in kept))
        return snippets

    return snippets(guess)


def snippets(summarize: Summarize) -> Work:
    def work(inputs: Values) -> Values:
        documents = inputs["documents"]
        texts = list(documents["text"])
        return {
            "snippets": {
                "item_id": list(documents["item_id"]),
                "title": list(documents["title"]),
                "text": summarize(texts) if texts else [],
            }
        }

    return work


def lead(text: str, count: int) -> str:
    words = split(text, count)
    return text[: words[-1].end].replace("\n", " ") if words else ""


def shortened(text: str, logits: NDArray[np.float32], threshold: float, longest: int) -> str:
    """Of the first `longest` words those whose logit passes the threshold, but at least LEAST_KEPT and at most LONGEST_SNIPPET, taking the
    highest logits; in the text's order."""
    words = split(text, longest)
    surest = np.argsort(-logits[: len(words)], kind="stable")
    count = int(np.clip((logits[: len(words)] > threshold).sum(), LEAST_KEPT, LONGEST_SNIPPET))
    return said(text, words, sorted(surest[:count].tolist()))


def _pointer(folder: Path, serving: Mapping[str, Any]) -> Summarize:
    encoder, writer = open_session(folder, "encoder"), open_session(folder, "writer")
    vocabulary: list[str] = list(serving["vocabulary"])
    row_of = {word: row for row, word in enumerate(vocabulary)}
    longest, most = int(serving["longest"]), int(serving["most"])

    def encode(rows: NDArray[np.int64]) -> list[Any]:
        outputs: list[Any] = encoder.run(list(ENCODED), {"words": rows})
        return outputs

    def write(inputs: dict[str, NDArray[Any]]) -> list[Any]:
        outputs: list[Any] = writer.run(list(WRITTEN), inputs)
        return outputs

    return lambda texts: [written(text, row_of, vocabulary, longest, most, encode, write) for text in texts]


ENCODED = ("states", "attended", "hidden", "cell")
WRITTEN = ("vocabulary", "attention", "generated", "hidden_now", "cell_now", "context_now", "coverage_now")


def written(
    text: str,
    row_of: Mapping[str, int],
    vocabulary: Sequence[str],
    longest: int,
    most: int,
    encode: Callable[[NDArray[np.int64]], list[Any]],
    write: Callable[[dict[str, NDArray[Any]]], list[Any]],
) -> str:
    """Decodes greedily: at each step the likeliest word, generated or copied (See et al. 2017, equation 9), until STOP or `most` words."""
    words = lowered(text, split(text, longest))
    if not words:
        return ""
    own = [word for word in dict.fromkeys(words) if word not in row_of]
    extended = {**row_of, **{word: len(vocabulary) + number for number, word in enumerate(own)}}
    numbers = np.array([extended[word] for word in words])
    states, attended, hidden, cell = encode(np.where(numbers < len(vocabulary), numbers, UNKNOWN)[None].astype(np.int64))
    context, coverage = np.zeros_like(states[:, 0]), np.zeros((1, len(words)), np.float32)
    last = START
    chosen: list[str] = []
    while len(chosen) < most:
        given = {"word": np.array([last], np.int64), "hidden": hidden, "cell": cell, "context": context, "coverage": coverage}
        given |= {"present": np.ones_like(coverage), "states": states, "attended": attended}
        generated, attention, share, hidden, cell, context, coverage = write(given)
        probability = np.zeros(len(extended), np.float32)
        probability[: len(vocabulary)] = share[0, 0] * generated[0, : len(vocabulary)]
        np.add.at(probability, numbers, (1 - share[0, 0]) * attention[0])
        probability[[PADDING, UNKNOWN, START]] = 0
        best = int(probability.argmax())
        if best == STOP:
            break
        chosen.append(vocabulary[best] if best < len(vocabulary) else own[best - len(vocabulary)])
        last = best if best < len(vocabulary) else UNKNOWN
    return " ".join(chosen)
