"""Synthetic speech: each character has its own sound, two resonances over a tone. Seeded; needs only numpy, no network.

It is not a voice, but has what a recogniser has to learn from one: sounds of varying length, pitch and loudness that blend into each other,
silence between words, and background noise.
"""

from __future__ import annotations

import io
import unicodedata
import wave

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # samples per second
SOUND = (0.055, 0.075)  # seconds that one character lasts
PAUSE = (0.04, 0.09)  # seconds between words, before the first and after the last
PITCH = (110.0, 180.0)  # hertz, one per utterance
NOISE = 0.01  # standard deviation; that of a character's sound is about 0.1


def wav(samples: NDArray[np.float64], rate: int = RATE) -> bytes:
    """Mono samples, clipped to [-1, 1] → a WAV file of 16-bit integers. rate: samples per second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return out.getvalue()


def speak(text: str, rng: np.random.Generator) -> bytes:
    """The text as a 16 kHz mono WAV; case is not heard, and characters other than letters and digits are pauses."""
    pitch = rng.uniform(*PITCH)
    pieces = [_silence(rng)]
    for character in unicodedata.normalize("NFC", text).casefold():
        if character.isalnum():
            pieces.append(_sound(character, pitch, rng))
        elif character.isspace():
            pieces.append(_silence(rng))
    pieces.append(_silence(rng))
    samples = np.concatenate(pieces)
    return wav(samples + rng.normal(0.0, NOISE, len(samples)))


def _silence(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.zeros(int(RATE * rng.uniform(*PAUSE)))


def _sound(character: str, pitch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Harmonics of the pitch under two resonances, whose frequencies depend on the character's code point."""
    number = ord(character)
    first, second = 300.0 * 1.22 ** (number % 7), 1500.0 * 1.17 ** (number // 7 % 8)
    time = np.arange(int(RATE * rng.uniform(*SOUND))) / RATE
    harmonics = pitch * rng.uniform(0.97, 1.03) * np.arange(1, 45)
    heard = (1.0 / (1.0 + ((harmonics - np.array([[first], [second]])) / 90.0) ** 2)).sum(axis=0)
    phases = rng.uniform(0.0, 2 * np.pi, len(harmonics))
    voice = (heard[:, None] * np.sin(2 * np.pi * harmonics[:, None] * time + phases[:, None])).sum(axis=0)
    envelope = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.008)
    sound: NDArray[np.float64] = voice * envelope * (0.1 * rng.uniform(0.7, 1.3) / max(float(voice.std()), 1e-9))
    return sound
