"""Spoken captions: Debian's `tuxpaint-stamps-default`, pictures for children with captions in many languages, many of them spoken. GPL-2.

Each language is spoken by one or a few volunteers. The recordings are Ogg Vorbis; soundfile decodes them.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import resample_poly

from aibenchrt.datasets.sources.fetch import Package, Selection, fetch
from aibenchrt.datasets.sources.synthetic_speech import RATE, wav
from aibenchrt.progress import Progress, silent

_FOLDER = "usr/share/tuxpaint/stamps/"
_SHA256 = {  # of the captions' .txt files and the language's .ogg files
    "es": "d72cd3c6af5f1d2d8e7c97aa4c2123afa9e5195a1183be8ce0c0b95fcc5d0030",
    "fr": "9e423e52b92d9a3daf2011de5b3f87fdf15579a71472becc84e51b9079acebec",
}
LANGUAGES = tuple(_SHA256)
LICENCE = "GPL-2"


@dataclass(frozen=True)
class Caption:
    """key: path of the stamp, without suffix. text, english: its caption in the language and in English, with white space collapsed.

    wav: the spoken caption, 16 kHz mono, 16-bit; b"" if there is no recording.
    """

    key: str
    text: str
    english: str
    wav: bytes


@dataclass(frozen=True)
class Utterance:
    """wav: 16 kHz mono, 16-bit. text: what is said. speaker: '' if unknown."""

    wav: bytes
    text: str
    speaker: str = ""


def package(language: str) -> Package:
    """The pinned package with a language's files. KeyError: the language is not pinned here."""
    pattern = rf"{_FOLDER}.*(\.txt|_desc_{language}\.ogg)"
    return Package("apt", "tuxpaint-stamps-default", "2022.06.04-1", (Selection(f"captions-{language}.tar", pattern, _SHA256[language]),))


def load_captions(language: str, progress: Progress = silent) -> tuple[Caption, ...]:
    """The captions that exist in English and in `language`, in order of their keys. EnvironmentFailure: as for `fetch`. KeyError: as for
    `package`."""
    path = fetch(package(language), progress)[f"captions-{language}.tar"]
    with tarfile.open(path) as archive:
        files = {member.name.removeprefix(_FOLDER): member for member in archive.getmembers()}
        return tuple(_captions(archive, files, language, progress))


def _captions(archive: tarfile.TarFile, files: dict[str, tarfile.TarInfo], language: str, progress: Progress) -> Iterator[Caption]:
    def content(name: str) -> bytes:
        stream = archive.extractfile(files[name])
        assert stream is not None, name
        return stream.read()

    texts = sorted(name for name in files if name.endswith(".txt"))
    for number, name in enumerate(texts):
        lines = content(name).decode("utf-8").splitlines()
        mark = f"{language}.utf8="
        translated = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
        key = name.removesuffix(".txt")
        spoken = f"{key}_desc_{language}.ogg"
        if translated and lines[0].strip() and translated[0].strip():
            sound = decoded(content(spoken)) if spoken in files else b""
            yield Caption(key, _single_blanks(translated[0]), _single_blanks(lines[0]), sound)
        progress(f"reading captions ({language})", (number + 1) / len(texts))


def decoded(ogg: bytes) -> bytes:
    """Any sound file that libsndfile reads → 16 kHz mono WAV, channels averaged. soundfile.LibsndfileError: it cannot be read."""
    import soundfile  # loads a shared library that is needed only to make this data

    samples, rate = soundfile.read(io.BytesIO(ogg), dtype="float64", always_2d=True)
    common = np.gcd(RATE, rate)
    return wav(resample_poly(samples.mean(axis=1), RATE // common, rate // common))


def _single_blanks(text: str) -> str:
    return " ".join(text.split())
