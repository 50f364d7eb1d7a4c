"""Serves the linear layer; its baseline leaves the queues as they came."""

from __future__ import annotations

from pathlib import Path

from aibenchrt.serve.models import Settings, most_probable_first, open_session, random_generator, softmax
from aibenchrt.values import Values, Work

from acme_tickets.reroute.features import scores


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001 - it has no settings
    """folder: a model version. EnvironmentFailure AIB603: missing or corrupted."""
    session = open_session(folder)

    def reroute(inputs: Values) -> Values:
        (logits,) = session.run(["logits"], {"scores": scores(inputs["queue"])[None]})
        return {"queue": most_probable_first(softmax(logits[0]))}

    return reroute


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001 - nothing is read
    return lambda inputs: {"queue": inputs["queue"]}


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001 - nothing is read
    def guess(inputs: Values) -> Values:
        labels = inputs["queue"]["label"]
        order = random_generator("queue", str(list(inputs["queue"]["probability"]))).permutation(len(labels))
        return {"queue": {"label": order.tolist(), "probability": [1 / len(labels)] * len(labels)}}

    return guess
