"""What training speech and text recognisers have in common: padded batches, the training loop, and error rates with intervals.

A signal is (length, bands) float32: frames of an utterance, or columns of a picture. A network takes (batch, length, bands), padded
with zeros, and has `loss(signals, lengths, texts, sizes)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aibenchrt.train.events import Epoch, Tell
from aibenchrt.train.measure import RESAMPLES, Measurement
from aibenchrt.train.trained import copy_of, device_of

Signal = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """signal: (length, bands). numbers: those of its text's characters, at least one."""

    signal: Signal
    numbers: Sequence[int]


@dataclass(frozen=True)
class Effort:
    """rate: the highest of the one-cycle learning rate (Smith and Topin 2018, Super-Convergence). examples: the most to train on. first:
    the fraction of the steps in which the rate rises. longest_gradient: norm at which gradients are clipped."""

    epochs: int
    rate: float
    batch: int = 16
    examples: int = 100_000
    first: float = 0.3
    decay: float = 1e-3
    longest_gradient: float = 5.0


@dataclass(frozen=True)
class Loop:
    """How a network is trained. rates: computes metric → error rate of the current network on validation data; the first one chooses the
    epoch."""

    effort: Effort
    rates: Callable[[], Mapping[str, float]]
    generator: torch.Generator
    tell: Tell


def fit(network: Any, examples: Sequence[Example], loop: Loop) -> int:
    """Trains the network, restores it to the epoch with the lowest validation error, in evaluation mode, and returns that epoch's
    number."""
    effort = loop.effort
    batches_an_epoch = -(-len(examples) // effort.batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=effort.rate, weight_decay=effort.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * batches_an_epoch, pct_start=effort.first)
    best, least, best_epoch = copy_of(network), float("inf"), 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for rows in alike(examples, effort.batch, loop.generator):
            optimizer.zero_grad()
            chosen = [examples[row] for row in rows]
            batch = padded([example.signal for example in chosen], [example.numbers for example in chosen], device_of(network))
            network.loss(*batch).backward()
            nn.utils.clip_grad_norm_(network.parameters(), effort.longest_gradient)
            optimizer.step()
            schedule.step()
        network.eval()
        rates = loop.rates()
        for metric, rate in rates.items():
            loop.tell(Epoch(epoch, "validation", metric, rate, of=effort.epochs))
        error = next(iter(rates.values()))
        if error < least:
            best, least, best_epoch = copy_of(network), error, epoch
    network.load_state_dict(best)
    network.eval()
    return best_epoch


def alike(examples: Sequence[Example], size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """The batches of one epoch, of examples of similar length, in random order: indices of the examples, each once."""
    noise = torch.rand(len(examples), generator=generator)
    order = sorted(range(len(examples)), key=lambda row: len(examples[row].signal) * (0.9 + 0.2 * float(noise[row])))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    for number in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[number]


def padded(signals: Sequence[Signal], texts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Signals (batch, longest, bands), their lengths (batch,), texts (batch, longest), their sizes (batch,); padded with zeros."""
    lengths, sizes = [len(signal) for signal in signals], [len(text) for text in texts]
    together = np.zeros((len(signals), max(lengths), signals[0].shape[1]), dtype=np.float32)
    numbers = np.zeros((len(texts), max(sizes)), dtype=np.int64)
    for row, (signal, text) in enumerate(zip(signals, texts, strict=True)):
        together[row, : len(signal)], numbers[row, : len(text)] = signal, text
    arrays = (torch.from_numpy(together), torch.tensor(lengths), torch.from_numpy(numbers), torch.tensor(sizes))
    return tuple(array.to(device) for array in arrays)  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Counts:
    """For each answer, (n,): errors: the number of wrong, missing and superfluous units; units: the number of units of its reference."""

    errors: NDArray[np.float64]
    units: NDArray[np.float64]

    @property
    def rate(self) -> float:
        return float(self.errors.sum() / self.units.sum())


def character_counts(references: Sequence[str], answers: Sequence[str]) -> Counts:
    """Character errors, counted by jiwer. References must not be empty."""
    import jiwer

    return _counts([jiwer.process_characters(reference, answer) for reference, answer in zip(references, answers, strict=True)])


def word_counts(references: Sequence[str], answers: Sequence[str]) -> Counts:
    """Word errors, counted by jiwer. References must have at least one word."""
    import jiwer

    return _counts([jiwer.process_words(reference, answer) for reference, answer in zip(references, answers, strict=True)])


def _counts(compared: Sequence[Any]) -> Counts:
    wrong = [alignment.substitutions + alignment.deletions for alignment in compared]
    errors = np.array(wrong, dtype=np.float64) + [alignment.insertions for alignment in compared]
    return Counts(errors, np.array([alignment.hits for alignment in compared], dtype=np.float64) + wrong)


def error_rate(counts: Counts, seed: int) -> Measurement:
    """Errors per unit, over all references together, with a percentile bootstrap over answers."""
    rows = _resampled(counts, seed)
    return _measurement(counts.rate, counts.errors[rows].sum(axis=1) / counts.units[rows].sum(axis=1), counts)


def lower_by(counts: Counts, simple: Counts, seed: int) -> Measurement:
    """How much lower the error rate is than that of a baseline on the same references; the bootstrap resamples answers in pairs."""
    rows = _resampled(counts, seed)
    saved = simple.errors - counts.errors
    return _measurement(simple.rate - counts.rate, saved[rows].sum(axis=1) / counts.units[rows].sum(axis=1), counts)


def _resampled(counts: Counts, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(len(counts.units), size=(RESAMPLES, len(counts.units)))


def _measurement(value: float, drawn: NDArray[np.float64], counts: Counts) -> Measurement:
    low, high = np.quantile(drawn, (0.025, 0.975))
    number = len(counts.units)
    return Measurement(round(value, 6), round(float(low), 6), round(float(high), 6), number, f"bootstrap over {number} answers")


def most_frequent(texts: Sequence[str]) -> str:
    """The most frequent text; ties go to the first in order of code points. ValueError: there is no text."""
    counted = Counter(texts)
    return min(counted, key=lambda text: (-counted[text], text))
