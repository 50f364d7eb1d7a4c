"""The world of online translation: sentences with reference translations, some also as speech or as pictures; and how it is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from aibenchrt.datasets.blobs import Blobs
from aibenchrt.datasets.cache import save_whole, whole_version
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources.tuxpaint_stamps import Utterance
from aibenchrt.datasets.text_lines import Line
from aibenchrt.datasets.translation.parallel import Pair, Pairs


@dataclass(frozen=True)
class TextRequest:
    """What a user typed: the source sentence of pairs[pair], possibly with words around it and with variants of its characters."""

    pair: int
    typed: str


@dataclass(frozen=True)
class TranslationWorld:
    """all_pairs: sentence pairs, with their splits. texts: typed requests of the validation and test splits.

    said, sounds: rows of all_pairs whose source sentence is spoken, and their WAVs. shown, pictures: rows with a picture of it, and their
    PNGs. version: sha256 of all content.
    """

    version: str
    variant: str
    seed: int
    language: str
    provenance: tuple[Provenance, ...]
    all_pairs: tuple[Pair, ...]
    texts: tuple[TextRequest, ...]
    said: tuple[int, ...]
    sounds: Sequence[bytes]
    shown: tuple[int, ...]
    pictures: Sequence[bytes]

    def pairs(self, split: str) -> Pairs:
        """The pairs of a split: "train", "validation" or "test"."""
        own = [pair for pair in self.all_pairs if pair.split == split]
        return Pairs(tuple(pair.source for pair in own), tuple(pair.target for pair in own))

    def kinds(self, split: str) -> tuple[str, ...]:
        """The kind of each of `pairs(split)`: "caption", "synopsis", "paragraph" or "word"."""
        return tuple(pair.kind for pair in self.all_pairs if pair.split == split)

    def utterances(self, split: str) -> tuple[Utterance, ...]:
        """The spoken source sentences of a split; no recording is in two splits."""
        return tuple(Utterance(sound, pair.source) for pair, sound in self.spoken(split))

    def lines(self, split: str) -> tuple[Line, ...]:
        """The pictures of source sentences of a split."""
        return tuple(Line(picture, pair.source) for pair, picture in self.pictured(split))

    def spoken(self, split: str) -> list[tuple[Pair, bytes]]:
        """The spoken pairs of a split with their WAVs."""
        return [(self.all_pairs[row], sound) for row, sound in zip(self.said, self.sounds, strict=True) if self._in[row] == split]

    def pictured(self, split: str) -> list[tuple[Pair, bytes]]:
        """The pictured pairs of a split with their PNGs."""
        return [(self.all_pairs[row], picture) for row, picture in zip(self.shown, self.pictures, strict=True) if self._in[row] == split]

    def typed(self, split: str) -> list[tuple[Pair, str]]:
        """The pairs of a split that are typed, with what a user typed."""
        return [(self.all_pairs[text.pair], text.typed) for text in self.texts if self._in[text.pair] == split]

    @cached_property
    def _in(self) -> tuple[str, ...]:
        return tuple(pair.split for pair in self.all_pairs)


def save(world: TranslationWorld, folder: Path) -> TranslationWorld:
    """Writes the world with `save_whole`, and returns it with its version. OSError: it could not be written."""

    def write(partial: Path) -> None:
        document = {
            "form": world.variant,  # its name when the published figures were measured; the version is the hash of this file
            "seed": world.seed,
            "language": world.language,
            "provenance": [asdict(part) for part in world.provenance],
            "all_pairs": [astuple(pair) for pair in world.all_pairs],
            "texts": [astuple(text) for text in world.texts],
            "said": world.said,
            "shown": world.shown,
            "sounds": np.cumsum([len(sound) for sound in world.sounds]).tolist(),
            "pictures": np.cumsum([len(picture) for picture in world.pictures]).tolist(),
        }
        (partial / "world.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
        (partial / "sounds.bin").write_bytes(b"".join(world.sounds))
        (partial / "pictures.bin").write_bytes(b"".join(world.pictures))

    return replace(world, version=save_whole(folder, write))


def load(folder: Path) -> TranslationWorld | None:
    """The world that save() wrote there; None if there is none, or if a file's content has changed since."""
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / "world.json").read_bytes())
    return TranslationWorld(
        version=version,
        variant=document["form"],
        seed=document["seed"],
        language=document["language"],
        provenance=tuple(Provenance(**part) for part in document["provenance"]),
        all_pairs=tuple(Pair(*pair) for pair in document["all_pairs"]),
        texts=tuple(TextRequest(*text) for text in document["texts"]),
        said=tuple(document["said"]),
        sounds=Blobs(folder / "sounds.bin", np.array(document["sounds"], dtype=np.int64)),
        shown=tuple(document["shown"]),
        pictures=Blobs(folder / "pictures.bin", np.array(document["pictures"], dtype=np.int64)),
    )
