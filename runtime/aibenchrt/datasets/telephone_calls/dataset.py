"""The data set `telephone_calls`: a world's utterances as heard through a telephone, with their truth. It belongs to that world."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources.synthetic_speech import RATE, wav

PROVENANCE = (
    Provenance(
        "telephone line: 300 to 3400 Hz, 8 kHz, mu-law, noise 25 dB below", "composed", "computed from the utterances", "Apache-2.0"
    ),
)

LINE = 8_000  # samples per second
BAND = (300.0, 3400.0)  # hertz (ITU-T G.712)
MU = 255.0  # ITU-T G.711: eight bits per sample
NOISE_DB = 25.0  # how far the noise is below the speech


class Seeded(Protocol):
    @property
    def seed(self) -> int: ...


def derived(world: Seeded, payloads: Sequence[Payload]) -> list[Payload]:
    """Each payload as heard through a telephone; the noise depends on the world's seed and the payload's id."""

    def heard(payload: Payload) -> bytes:
        return by_telephone(payload.values["audio"]["wav"], np.random.default_rng([world.seed, 10, payload.query_id]))

    return [replace(payload, values={"audio": {"wav": heard(payload)}}) for payload in payloads]


def by_telephone(sound: bytes, rng: np.random.Generator) -> bytes:
    """16 kHz mono 16-bit WAV → the same speech, equally long, through a telephone. wave.Error: not a WAV; ValueError: another
    kind of WAV."""
    samples = _read(sound)
    narrow = sosfilt(butter(4, BAND, "bandpass", fs=LINE, output="sos"), resample_poly(samples, LINE, RATE))
    noisy = narrow + rng.normal(0.0, max(float(narrow.std()), 1e-6) * 10 ** (-NOISE_DB / 20), len(narrow))
    return wav(resample_poly(_companded(noisy), RATE, LINE)[: len(samples)])


def _read(sound: bytes) -> NDArray[np.float64]:
    with wave.open(io.BytesIO(sound)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"an utterance has {file.getframerate()} Hz and {file.getnchannels()} channels, not {RATE} and one")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768


def _companded(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples after encoding to eight bits of mu-law and decoding."""
    clipped = np.clip(samples, -1.0, 1.0)
    law = np.sign(clipped) * np.log1p(MU * np.abs(clipped)) / np.log1p(MU)
    coded = np.rint(law * 127) / 127
    restored: NDArray[np.float64] = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(MU)) / MU
    return restored
