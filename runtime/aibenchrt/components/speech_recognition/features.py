"""A speech recogniser's input and output: log-mel features of a WAV, and the spelling of a transcript. Standard library and numpy only."""

from __future__ import annotations

import functools
import io
import re
import unicodedata
import wave
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # samples per second
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, 10 ms (Gulati et al. 2020, section 3.1)
MELS = 80
SHORTEST = 1600  # samples; a shorter utterance is padded with silence
QUIET = 1e-6  # added to the energies: fainter sounds count as silence
APOSTROPHES = "’‘ʼ`´"


def log_mel(wav: bytes) -> NDArray[np.float32]:
    """(frames, MELS): energies in mel bands on a logarithmic scale, each band with mean 0 and standard deviation 1 over the utterance.

    wav: 16 kHz mono, 16-bit; the result has at least 8 frames. ValueError, wave.Error or EOFError: not such a WAV.
    """
    samples = samples_of(wav)
    padded = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), FFT)) ** 2
    energies = np.log(spectrum @ _bands().T + QUIET)
    normal: NDArray[np.float32] = ((energies - energies.mean(axis=0)) / (energies.std(axis=0) + 0.1)).astype(np.float32)
    return normal


def samples_of(wav: bytes) -> NDArray[np.float64]:
    """The samples of a WAV, (n,) in [-1, 1]. ValueError, wave.Error or EOFError: not a 16 kHz mono 16-bit WAV."""
    with wave.open(io.BytesIO(wav)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"a WAV of {file.getframerate()} Hz, {file.getnchannels()} channels, {8 * file.getsampwidth()} bits")
        content = file.readframes(file.getnframes())
    samples: NDArray[np.float64] = np.frombuffer(content, dtype="<i2").astype(np.float64) / 32768
    return samples


@functools.cache
def _bands() -> NDArray[np.float64]:
    """Mel filter bank (MELS, FFT/2+1): triangles, equally wide on the mel scale 2595 log10(1 + f/700), from 0 Hz to half the sampling
    rate."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, MELS + 2) / 2595) - 1)
    heard = np.fft.rfftfreq(FFT, 1 / RATE)
    rising = (heard - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - heard) / (corners[2:] - corners[1:-1])[:, None]
    bands: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return bands


def spelling(text: str) -> str:
    """A text reduced to what can be heard: lower-case words of letters and digits, with apostrophes and hyphens inside them, separated by
    single spaces."""
    plain = unicodedata.normalize("NFC", text).lower().translate(dict.fromkeys(map(ord, APOSTROPHES), "'"))
    return " ".join(re.findall(r"\w+(?:['-]\w+)*'?", plain.replace("_", " ")))


def habits(texts: Sequence[str]) -> dict[str, bool]:
    """Whether most transcripts begin with a capital letter, and whether most end with a full stop."""
    capital = sum(text[:1].isupper() for text in texts)
    stop = sum(text.endswith(".") for text in texts)
    return {"capital": 2 * capital > len(texts), "stop": 2 * stop > len(texts)}


def written(heard: str, capital: bool, stop: bool) -> str:
    """A spelling written in the way of most transcripts (see `habits`); an empty one stays empty."""
    if not heard:
        return heard
    return (heard[0].upper() + heard[1:] if capital else heard) + ("." if stop else "")
