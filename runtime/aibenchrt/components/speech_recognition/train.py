"""Trains a speech recogniser on the training utterances; the epoch is chosen on the validation utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from aibenchrt.components.speech_recognition.conformer import Transducer
from aibenchrt.components.speech_recognition.decoding import Array, greedy
from aibenchrt.components.speech_recognition.features import habits, log_mel, spelling
from aibenchrt.components.speech_recognition.model import CtcBiGru, build
from aibenchrt.datasets.interactions.spoken import SpokenQuery  # at run time too: how queries are spoken is part of the model's key
from aibenchrt.train.ctc import alphabet_of, best_path, numbers_of, text_of
from aibenchrt.train.events import Tell
from aibenchrt.train.recognition import (
    Effort,
    Example,
    Loop,
    Signal,
    character_counts,
    error_rate,
    fit,
    lower_by,
    most_frequent,
    word_counts,
)
from aibenchrt.train.trained import Graph, Trained, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Spoken, SpokenWorld

PROTOCOL = (
    "errors per character (cer) and per word (wer) of the test transcripts, lower case without punctuation, all utterances together; "
    "epoch chosen on validation utterances"
)
BASELINE = "most frequent transcript"


EFFORTS = {
    ("tiny", "ctc_bigru"): Effort(3, 6e-3, 8, 300),
    ("small", "ctc_bigru"): Effort(40, 3e-3),
    ("full", "ctc_bigru"): Effort(120, 3e-3),
    ("tiny", "conformer"): Effort(1, 1e-3, 8, 16),
    ("small", "conformer"): Effort(40, 1e-3),
    ("full", "conformer"): Effort(120, 1e-3),
}


def train(world: SpokenWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and utterances."""
    effort = EFFORTS[size, model]
    known, choosing, held_out = (_audible(world.utterances(split)) for split in ("train", "validation", "test"))
    alphabet = alphabet_of(spelling(utterance.text) for utterance in known)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(known))[: effort.examples])
    drawn = [known[row] for row in chosen]
    examples = [Example(log_mel(utterance.wav), numbers_of(spelling(utterance.text), alphabet)) for utterance in drawn]
    choosing_signals, test_signals = ([log_mel(utterance.wav) for utterance in part] for part in (choosing, held_out))
    choosing_truth, truth = ([spelling(utterance.text) for utterance in part] for part in (choosing, held_out))
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, len(alphabet)).to(device)

        def answers(signals: Sequence[Signal]) -> list[str]:
            return [" ".join(text_of(_numbers(network, signal), alphabet).split()) for signal in signals]

        def rates() -> dict[str, float]:
            said = answers(choosing_signals)
            return {"cer": character_counts(choosing_truth, said).rate, "wer": word_counts(choosing_truth, said).rate}

        epoch = fit(network, examples, Loop(effort, rates, generator, tell))
        said = answers(test_signals)
    network.cpu()
    simple = most_frequent([utterance.text for utterance in known])
    trained = Trained(
        graphs=graphs(network, test_signals),
        serving={"alphabet": alphabet, "most_frequent": simple, **habits([utterance.text for utterance in known]), **_units(network)},
        protocol=PROTOCOL,
        metrics={},
        baselines={},
        epochs=epoch,
        only_for_comparison={"utterances in training": len(examples), "test utterances without an error": _exact(truth, said)},
    )
    return _with_figures(trained, truth, said, spelling(simple), seed)


def _audible(utterances: Sequence[Spoken] | Sequence[SpokenQuery]) -> list[Spoken]:
    """The utterances whose text has at least one letter or digit."""
    return [utterance for utterance in utterances if spelling(utterance.text)]


def _exact(truth: Sequence[str], said: Sequence[str]) -> float:
    return round(sum(reference == answer for reference, answer in zip(truth, said, strict=True)) / len(truth), 6)


def _with_figures(trained: Trained, truth: Sequence[str], said: Sequence[str], simple: str, seed: int) -> Trained:
    metrics, baselines, gains = {}, {}, {}
    for name, count in (("cer", character_counts), ("wer", word_counts)):
        ours, theirs = count(truth, said), count(truth, [simple] * len(truth))
        metrics[name], baselines[name] = error_rate(ours, seed), error_rate(theirs, seed)
        gains[f"{name} lower than {BASELINE}"] = lower_by(ours, theirs, seed)
    return replace(trained, metrics=metrics, baselines={BASELINE: baselines}, gains=gains)


@torch.no_grad()
def _numbers(network: CtcBiGru | Transducer, signal: Signal) -> list[int]:
    """Greedy decoding of one utterance on its own, as in serving."""
    device = next(network.parameters()).device
    scores = network(torch.from_numpy(signal)[None].to(device))
    if isinstance(network, CtcBiGru):
        return best_path(scores[0].cpu().numpy())
    return greedy(scores[0].cpu().numpy(), _step_of(network), network.decoder.recurrent.hidden_size)


def _step_of(network: Transducer) -> Callable[[Array, Array, Array, Array], tuple[Array, Array, Array]]:
    device = next(network.parameters()).device

    def step(*given: Array) -> tuple[Any, ...]:
        return tuple(value.cpu().numpy() for value in network.decoder(*(torch.from_numpy(array).to(device) for array in given)))

    return step


def _units(network: CtcBiGru | Transducer) -> dict[str, int]:
    return {} if isinstance(network, CtcBiGru) else {"units": network.decoder.recurrent.hidden_size}


def graphs(network: CtcBiGru | Transducer, signals: Sequence[Signal]) -> dict[str, Graph]:
    """The graphs to export, with real utterances as examples: two cut to the same length, and up to four more, each on its own."""
    shorter = min(len(signal) for signal in signals[:2])
    pair = torch.from_numpy(np.stack([signals[0][:shorter], signals[1][:shorter]]))
    alone: list[dict[str, Tensor]] = [{"signal": torch.from_numpy(signal)[None]} for signal in signals[2:6]]
    if isinstance(network, CtcBiGru):
        return {"model": Graph(network, {"signal": pair}, ("scores",), {"signal": (1,)}, alone)}
    with torch.no_grad():
        encoded = network.encoder(pair)[:, 0]
        state = torch.zeros(2, network.decoder.recurrent.hidden_size)
        inputs = {"encoded": encoded, "last": torch.tensor([1, 2]), "hidden": state, "cell": state}
        _, hidden, cell = network.decoder(*inputs.values())
    later = {"encoded": encoded[:1], "last": torch.tensor([3]), "hidden": hidden[:1], "cell": cell[:1]}
    return {
        "encoder": Graph(network.encoder, {"signal": pair}, ("encoded",), {"signal": (1,)}, alone),
        "decoder": Graph(network.decoder, inputs, ("scores", "new_hidden", "new_cell"), others=[later]),
    }
