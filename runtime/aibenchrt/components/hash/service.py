"""Hash: drops documents that duplicate an earlier one, exactly (by a content hash, XXH3, 128 bits) or nearly (by a simhash).

Simhash (Charikar 2002; for web pages Manku, Jain and Das Sarma 2007): 64 bits, each the sign of a sum over the text's features, here its
runs of three words: +1 if the feature's own hash has that bit set, −1 if not. Texts that share most features differ in few bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xxhash

from aibenchrt.components.query_parsing.terms import words
from aibenchrt.values import Values, Work

SHINGLE = 3  # number of words in a feature


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared or kept
    bits = int(settings["bits"]) if settings["duplicates"] == "near" else None
    return Hash(bits, int(settings["top"]))


def content_hash(text: str) -> bytes:
    """16 bytes, equal for equal texts."""
    return xxhash.xxh3_128_digest(text.encode())


def simhash(text: str) -> int:
    """64-bit simhash of the text's words, ignoring case, accents and spacing."""
    text_words = words(text)
    shingles = {" ".join(text_words[k : k + SHINGLE]) for k in range(max(1, len(text_words) - SHINGLE + 1))}
    hashes = np.array([xxhash.xxh3_64_intdigest(shingle.encode()) for shingle in sorted(shingles)], dtype=">u8")
    votes = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=0, dtype=np.int64)
    return int.from_bytes(np.packbits(2 * votes > len(hashes)).tobytes(), "big")


class Hash:
    """Implements `Work`; the first of several duplicates is kept. bits: the most by which near duplicates differ; None: drop only exact
    ones."""

    def __init__(self, bits: int | None, top: int) -> None:
        self._bits, self._top = bits, top

    def __call__(self, inputs: Values) -> Values:
        documents = inputs["documents"]
        exact: set[bytes] = set()
        near: list[int] = []
        kept: list[int] = []
        for place, text in enumerate(documents["text"]):
            if len(kept) >= self._top:
                break
            digest = content_hash(text)
            if digest in exact:
                continue
            exact.add(digest)
            if self._bits is not None:
                bits = simhash(text)
                if any((bits ^ other).bit_count() <= self._bits for other in near):
                    continue
                near.append(bits)
            kept.append(place)
        return {"documents": {name: [values[place] for place in kept] for name, values in documents.items()}}
