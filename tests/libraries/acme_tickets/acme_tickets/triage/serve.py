"""Serves the classifier: a ticket's words to all queues with their probabilities, most probable first."""

from __future__ import annotations

from pathlib import Path

from aibenchrt.serve.models import Settings, label_prior, most_probable_first, open_session, random_generator, read_metadata, softmax
from aibenchrt.values import Values, Work

from acme_tickets.triage.features import matrix


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001 - it has no settings
    """folder: a model version. EnvironmentFailure AIB603: missing or corrupted."""
    session = open_session(folder)

    def triage(inputs: Values) -> Values:
        (logits,) = session.run(["logits"], {"ids": matrix([inputs["ticket"]["word"]])})
        return {"queue": most_probable_first(softmax(logits[0]))}

    return triage


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001 - it has no settings
    """Majority: the queues' shares of the training tickets, whatever is asked."""
    prior = label_prior(folder)
    return lambda inputs: {"queue": prior(inputs)["category"]}


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001 - it has no settings
    labels = len(read_metadata(folder)["serving"]["prior"])

    def guess(inputs: Values) -> Values:
        order = random_generator("ticket", inputs["ticket"]["text"]).permutation(labels)
        return {"queue": {"label": order.tolist(), "probability": [1 / labels] * labels}}

    return guess
