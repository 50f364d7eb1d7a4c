"""Serves a text recogniser: from a picture of one line to its text."""

from __future__ import annotations

from pathlib import Path

from aibenchrt.components.text_recognition.features import columns
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.train.ctc import best_path, text_of
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    session, alphabet = open_session(folder), str(read_metadata(folder)["serving"]["alphabet"])

    def read(inputs: Values) -> Values:
        (scores,) = session.run(["scores"], {"signal": columns(inputs["image"]["png"])[None]})
        return {"text": {"text": " ".join(text_of(best_path(scores[0]), alphabet).split())}}

    return read


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The most frequent line of the training pictures, whatever is shown."""
    answer = {"text": str(read_metadata(folder)["serving"]["most_frequent"])}
    return lambda inputs: {"text": answer}  # noqa: ARG005


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Characters drawn from the alphabet, as many as in the most frequent line or up to twice as many."""
    serving = read_metadata(folder)["serving"]
    alphabet, most = str(serving["alphabet"]), len(str(serving["most_frequent"]))

    def guess(inputs: Values) -> Values:
        rng = random_generator("image", inputs["image"]["png"])
        numbers = rng.integers(len(alphabet), size=rng.integers(most, 2 * most + 1))
        return {"text": {"text": "".join(alphabet[number] for number in numbers)}}

    return guess
