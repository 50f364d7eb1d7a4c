"""Speech recognisers over log-mel features.

ctc_bigru: convolutions and bidirectional gated recurrent units with connectionist temporal classification, a much reduced version
of Deep Speech 2 (Amodei et al. 2016, ICML), section 3.
conformer: Gulati et al. 2020, Conformer: Convolution-augmented Transformer for Speech Recognition (Interspeech), table 1, size S; see
conformer.py.

Features are (batch, frames, 80) float32. `lengths` (batch,): number of frames of each utterance, if they are zero-padded at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from aibenchrt.components.speech_recognition.conformer import ConformerNumbers, Transducer
from aibenchrt.components.speech_recognition.features import MELS


@dataclass(frozen=True)
class BiGruNumbers:
    """filters: of each convolution; width: of its kernel; units: of a recurrent layer in each direction; layers: recurrent ones."""

    filters: int = 128
    width: int = 5
    units: int = 160
    layers: int = 2
    dropout: float = 0.3


def ctc_bigru() -> BiGruNumbers:
    return BiGruNumbers()


def conformer() -> ConformerNumbers:
    """Table 1, Conformer (S)."""
    return ConformerNumbers(layers=16, width=144, heads=4, kernel=32, decoder=320)


MODELS: dict[str, Callable[[], BiGruNumbers | ConformerNumbers]] = {"ctc_bigru": ctc_bigru, "conformer": conformer}


def build(model: str, characters: int) -> CtcBiGru | Transducer:
    """characters: size of the alphabet; the network has one more output, for the blank."""
    numbers = MODELS[model]()
    return CtcBiGru(numbers, characters) if isinstance(numbers, BiGruNumbers) else Transducer(numbers, characters)


class CtcBiGru(nn.Module):
    """Features (batch, frames, 80) → scores (batch, ceil(frames / 2), 1 + characters), the blank first."""

    def __init__(self, numbers: BiGruNumbers, characters: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(MELS, numbers.filters, numbers.width, padding=numbers.width // 2)
        self.first_norm = nn.LayerNorm(numbers.filters)
        self.second = nn.Conv1d(numbers.filters, numbers.filters, numbers.width, 2, numbers.width // 2)  # halves the frames
        self.second_norm = nn.LayerNorm(numbers.filters)
        self.dropout = nn.Dropout(numbers.dropout)
        self.recurrent = nn.GRU(
            numbers.filters, numbers.units, numbers.layers, batch_first=True, bidirectional=True, dropout=numbers.dropout
        )
        self.out = nn.Linear(2 * numbers.units, 1 + characters)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = functional.gelu(self.first_norm(self.first(features.transpose(1, 2)).transpose(1, 2)))
        if lengths is not None:  # so that padding does not influence the frames beside it
            x = x * (torch.arange(x.shape[1], device=x.device) < lengths[:, None]).unsqueeze(2)
        x = self.dropout(functional.gelu(self.second_norm(self.second(x.transpose(1, 2)).transpose(1, 2))))
        if lengths is None:
            x, _ = self.recurrent(x)
        else:
            packed = pack_padded_sequence(x, self.steps(lengths).cpu(), batch_first=True, enforce_sorted=False)
            x, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=x.shape[1])
        out: Tensor = self.out(self.dropout(x))
        return out

    @staticmethod
    def steps(frames: Tensor) -> Tensor:
        """The number of output steps for a number of frames."""
        return (frames + 1) // 2

    def loss(self, features: Tensor, lengths: Tensor, texts: Tensor, sizes: Tensor) -> Tensor:
        """Mean over utterances of the loss per character. texts: (batch, longest) numbers 1 … characters; sizes: (batch,), their
        lengths."""
        scores = self(features, lengths).log_softmax(dim=2).transpose(0, 1)
        # On the CPU: its gradient has no deterministic form on a GPU.
        return functional.ctc_loss(scores.cpu(), texts.cpu(), self.steps(lengths).cpu(), sizes.cpu(), zero_infinity=True)
