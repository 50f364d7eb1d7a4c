"""What is known of a ticket: the classifier's log-probabilities, in the order of the queues' labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def scores(queue: Mapping[str, Any]) -> NDArray[np.float32]:
    """A Category of all queues → (queues,)."""
    probability = np.asarray(queue["probability"], dtype=np.float32)[np.argsort(queue["label"])]
    return np.log(probability.clip(min=1e-6))
