"""FreeDict's French–English dictionary (GPL-2+), from Debian's `dict-freedict-fra-eng`: 8,505 headwords with their translations."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aibenchrt.datasets.sources.fetch import Package, PackageFile, fetch
from aibenchrt.progress import Progress, silent

LICENCE = "GPL-2+: fetched on each machine, never redistributed"
PACKAGE = Package(
    client="apt",
    name="dict-freedict-fra-eng",
    version="2022.04.21-1",
    files=(PackageFile("usr/share/dictd/freedict-fra-eng.dict.dz", "03fdb4912187359faf0f0801b15510937a4d5f2ea9000dbd4968d921947a1175"),),
)
_HEAD = re.compile(r"^(?P<word>[^/<]+?) (?:/[^/]*/ ?)?(?:<(?P<class>[^>]*)>)?$")


@dataclass(frozen=True)
class Word:
    """One sense of a headword, with its first translation. gender: "masc" or "fem" for a noun that has one, else ''."""

    french: str
    english: str
    gender: str


def load_words(progress: Progress = silent) -> tuple[Word, ...]:
    """Every sense of every headword, in the order of the dictionary. EnvironmentFailure: as for `fetch`."""
    paths = fetch(PACKAGE, progress)
    text = gzip.decompress(paths["freedict-fra-eng.dict.dz"].read_bytes()).decode()
    return tuple(_entries(text))


def _entries(text: str) -> Iterator[Word]:
    """A headword's line has its pronunciation and word class; the lines that follow are its senses, numbered if there are several."""
    word = gender = ""
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head is not None and ("/" in line or "<" in line):
            word = head["word"].strip()
            gender = next((part.strip() for part in (head["class"] or "").split(",")[1:] if part.strip() in ("masc", "fem")), "")
        elif word and line.strip():
            sense = re.sub(r"^\d+\. ", "", line.strip())
            yield Word(word, sense.split(",")[0].strip(), gender)
