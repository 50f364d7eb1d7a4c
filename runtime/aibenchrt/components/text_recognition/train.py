"""Trains a text recogniser on the training pictures; the epoch is chosen on the validation pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from aibenchrt.components.text_recognition.features import columns
from aibenchrt.components.text_recognition.model import Crnn, build
from aibenchrt.train.ctc import alphabet_of, best_path, numbers_of, text_of
from aibenchrt.train.events import Tell
from aibenchrt.train.recognition import Effort, Example, Loop, Signal, character_counts, error_rate, fit, lower_by, most_frequent
from aibenchrt.train.trained import Graph, Trained, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import PicturedWorld

PROTOCOL = "errors per character of the test pictures' text as written, all pictures together; epoch chosen on validation pictures"
BASELINE = "most frequent line"


EFFORTS = {
    ("tiny", "crnn"): Effort(5, 8e-3, 4, 400),
    ("small", "crnn"): Effort(4, 8e-3),
    ("full", "crnn"): Effort(12, 8e-3),
    ("tiny", "crnn_full"): Effort(1, 1e-3, 8, 16),
    ("small", "crnn_full"): Effort(6, 1e-3),
    ("full", "crnn_full"): Effort(12, 1e-3),
}


def train(world: PicturedWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and pictures."""
    effort = EFFORTS[size, model]
    known, choosing, held_out = (world.lines(split) for split in ("train", "validation", "test"))
    alphabet = alphabet_of(line.text for line in known)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(known))[: effort.examples])
    examples = [Example(columns(line.png), numbers_of(line.text, alphabet)) for line in (known[row] for row in chosen)]
    choosing_signals, test_signals = ([columns(line.png) for line in part] for part in (choosing, held_out))
    choosing_truth, truth = ([line.text for line in part] for part in (choosing, held_out))
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, len(alphabet)).to(device)

        def answers(signals: Sequence[Signal]) -> list[str]:
            return [" ".join(text_of(_numbers(network, signal), alphabet).split()) for signal in signals]

        def rates() -> dict[str, float]:
            return {"cer": character_counts(choosing_truth, answers(choosing_signals)).rate}

        epoch = fit(network, examples, Loop(effort, rates, generator, tell))
        read = answers(test_signals)
    simple = most_frequent([line.text for line in known])
    ours, theirs = character_counts(truth, read), character_counts(truth, [simple] * len(truth))
    return Trained(
        graphs={"model": graph(network.cpu(), test_signals)},
        serving={"alphabet": alphabet, "most_frequent": simple},
        protocol=PROTOCOL,
        metrics={"cer": error_rate(ours, seed)},
        baselines={BASELINE: {"cer": error_rate(theirs, seed)}},
        gains={f"cer lower than {BASELINE}": lower_by(ours, theirs, seed)},
        epochs=epoch,
        only_for_comparison={
            "pictures in training": len(examples),
            "test pictures without an error": round(float((ours.errors == 0).mean()), 6),
        },
    )


@torch.no_grad()
def _numbers(network: Crnn, signal: Signal) -> list[int]:
    """Greedy decoding of one picture on its own, as in serving."""
    device = next(network.parameters()).device
    return best_path(network(torch.from_numpy(signal)[None].to(device))[0].cpu().numpy())


def graph(network: Crnn, signals: Sequence[Signal]) -> Graph:
    """The graph to export, with real pictures as examples: two cut to the same width, and up to four more, each on its own."""
    narrower = min(len(signal) for signal in signals[:2])
    pair = torch.from_numpy(np.stack([signals[0][:narrower], signals[1][:narrower]]))
    alone = [{"signal": torch.from_numpy(signal)[None]} for signal in signals[2:6]]
    return Graph(network, {"signal": pair}, ("scores",), {"signal": (1,)}, alone)
