"""Serves a speech recogniser: from an utterance to its text, written in the way of most training transcripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.speech_recognition.decoding import Array, greedy
from aibenchrt.components.speech_recognition.features import log_mel, written
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.train.ctc import best_path, text_of
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    serving = read_metadata(folder)["serving"]
    hear = _transducer(folder, int(serving["units"])) if "units" in serving else _ctc(folder)
    alphabet, capital, stop = str(serving["alphabet"]), bool(serving["capital"]), bool(serving["stop"])

    def recognise(inputs: Values) -> Values:
        heard = text_of(hear(log_mel(inputs["audio"]["wav"])), alphabet)
        return {"text": {"text": written(" ".join(heard.split()), capital, stop)}}

    return recognise


def _ctc(folder: Path) -> Callable[[NDArray[np.float32]], list[int]]:
    session = open_session(folder)
    return lambda features: best_path(session.run(["scores"], {"signal": features[None]})[0][0])


def _transducer(folder: Path, units: int) -> Callable[[NDArray[np.float32]], list[int]]:
    encoder, decoder = open_session(folder, "encoder"), open_session(folder, "decoder")

    def decode(encoded: Array, last: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        given = {"encoded": encoded, "last": last, "hidden": hidden, "cell": cell}
        scores, new_hidden, new_cell = decoder.run(["scores", "new_hidden", "new_cell"], given)
        return scores, new_hidden, new_cell

    return lambda features: greedy(encoder.run(["encoded"], {"signal": features[None]})[0][0], decode, units)


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The most frequent transcript of the training utterances, whatever is said."""
    answer = {"text": str(read_metadata(folder)["serving"]["most_frequent"])}
    return lambda inputs: {"text": answer}  # noqa: ARG005


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Characters drawn from the alphabet, as many as in the most frequent transcript or up to twice as many."""
    serving = read_metadata(folder)["serving"]
    alphabet, most = str(serving["alphabet"]), len(str(serving["most_frequent"]))

    def guess(inputs: Values) -> Values:
        rng = random_generator("audio", inputs["audio"]["wav"])
        numbers = rng.integers(len(alphabet), size=rng.integers(most, 2 * most + 1))
        return {"text": {"text": "".join(alphabet[number] for number in numbers)}}

    return guess
