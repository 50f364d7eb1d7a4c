"""Renders training events as progress: a text and the fraction done."""

from __future__ import annotations

from aibenchrt.progress import Progress
from aibenchrt.train.events import Batches, Begun, Epoch, Event, Tell


def rendered(progress: Progress, component: str, model: str) -> Tell:
    """A function that reports every event of this model's training to `progress`."""

    def tell(event: Event) -> None:
        what, fraction = text(event)
        progress(f"{component} {model}: {what}", fraction)

    return tell


def text(event: Event) -> tuple[str, float]:
    """The text of an event, and the fraction of the training that is done.

    >>> text(Epoch(3, "validation", "ndcg@10", 0.07659, of=12))
    ('epoch 3 of 12, validation ndcg@10 0.0766', 0.25)
    """
    match event:
        case Begun():
            return "training begins", 0.0
        case Epoch(n, split, metric, value, of):
            return f"epoch {n} of {of}, {split} {metric} {value:.4f}", n / of
        case Batches(n, fraction, of):
            return f"epoch {n} of {of}", (n - 1 + fraction) / of
        case _:
            return event.what, event.fraction
