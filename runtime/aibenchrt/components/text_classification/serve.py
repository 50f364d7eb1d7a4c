"""Serves a text classifier: from a query's text to all labels with their probabilities, most probable first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.text_classification.features import bag_matrix, word_matrix
from aibenchrt.serve.models import Settings, label_prior, most_probable_first, open_session, random_labels, read_metadata, softmax
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    session, serving = open_session(folder), read_metadata(folder)["serving"]
    buckets = int(serving["buckets"])

    def classify(inputs: Values) -> Values:
        text = str(inputs["query"]["text"])
        ids: NDArray[np.int64]
        if "words" in serving:
            ids = word_matrix([text], buckets, int(serving["words"]), int(serving["subwords"]))
        else:
            ids = bag_matrix([text], buckets)
        (logits,) = session.run(["logits"], {"ids": ids})
        return {"category": most_probable_first(softmax(logits[0]))}

    return classify


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Majority baseline: the label frequencies of the training queries, whatever the query."""
    return label_prior(folder)


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    return random_labels(folder, "query", "text")
