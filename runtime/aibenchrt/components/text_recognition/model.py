"""CRNN: Shi, Bai, Yao 2017, An End-to-End Trainable Neural Network for Image-based Sequence Recognition (TPAMI 39:11), table 1.

Convolutions with pooling, which from the third on halves only the height, then two bidirectional LSTM layers over the columns, then
connectionist temporal classification. `crnn_full` is the table: 8.3 million parameters with 36 characters. The two directions of an LSTM
layer are joined by a linear layer, as in the authors' code: without it the parameter count is not the paper's. `crnn` has a fifth to a
quarter of the filters, and batch norm after every convolution. Any width is accepted, where the paper scales to 100.

Pictures are (batch, width, 32) float32, standardised grey columns. `lengths` (batch,): width of each, if they are padded with zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True)
class CrnnNumbers:
    """filters: of the seven convolutions. normed: numbers, from 1, of those followed by batch norm. units: of an LSTM in each direction."""

    filters: tuple[int, int, int, int, int, int, int]
    normed: tuple[int, ...]
    units: int


POOLS = {1: (2, 2), 2: (2, 2), 4: (2, 1), 6: (2, 1)}  # convolution → pooling (height, width) after it; the paper writes width × height


def crnn() -> CrnnNumbers:
    return CrnnNumbers((16, 32, 48, 64, 96, 96, 96), (1, 2, 3, 4, 5, 6, 7), 96)


def crnn_full() -> CrnnNumbers:
    return CrnnNumbers((64, 128, 256, 256, 512, 512, 512), (5, 6), 256)


MODELS: dict[str, Callable[[], CrnnNumbers]] = {"crnn": crnn, "crnn_full": crnn_full}


def build(model: str, characters: int) -> Crnn:
    """characters: size of the alphabet; the network has one more output, for the blank."""
    return Crnn(MODELS[model](), characters)


class BothWays(nn.Module):
    """A bidirectional LSTM layer, and a linear layer that joins its directions: (batch, steps, entering) → (batch, steps, leaving)."""

    def __init__(self, entering: int, units: int, leaving: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(entering, units, batch_first=True, bidirectional=True)
        self.join = nn.Linear(2 * units, leaving)

    def forward(self, x: Tensor, steps: Tensor | None) -> Tensor:
        if steps is None:
            both, _ = self.recurrent(x)
        else:
            packed = pack_padded_sequence(x, steps.cpu(), batch_first=True, enforce_sorted=False)
            both, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=x.shape[1])
        out: Tensor = self.join(both)
        return out


class Crnn(nn.Module):
    """Columns (batch, width, 32) → scores (batch, steps, 1 + characters), the blank first; the method `steps` gives their number."""

    def __init__(self, numbers: CrnnNumbers, characters: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        entering = 1
        for number, leaving in enumerate(numbers.filters, start=1):
            # The last one is 2×2 without padding, which reduces the height from 2 to 1.
            layers.append(nn.Conv2d(entering, leaving, 2 if number == 7 else 3, padding=0 if number == 7 else 1))
            layers += [nn.BatchNorm2d(leaving)] if number in numbers.normed else []
            layers.append(nn.ReLU())
            if number in POOLS:
                layers.append(nn.MaxPool2d(POOLS[number]))
            entering = leaving
        self.convolutions = nn.Sequential(*layers)
        self.first = BothWays(entering, numbers.units, numbers.units)
        self.second = BothWays(numbers.units, numbers.units, 1 + characters)

    def forward(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.convolutions(signal.transpose(1, 2).unsqueeze(1))  # (b, 1, 32, width) → (b, filters, 1, steps)
        steps = None if lengths is None else self.steps(lengths)
        out: Tensor = self.second(self.first(x.squeeze(2).transpose(1, 2), steps), steps)
        return out

    @staticmethod
    def steps(width: Tensor) -> Tensor:
        return width // 2 // 2 - 1

    def loss(self, signals: Tensor, lengths: Tensor, texts: Tensor, sizes: Tensor) -> Tensor:
        """Mean over pictures of the loss per character. texts: (batch, longest) numbers 1 … characters; sizes: (batch,), their lengths."""
        scores = self(signals, lengths).log_softmax(dim=2).transpose(0, 1)
        # On the CPU: its gradient has no deterministic form on a GPU.
        return functional.ctc_loss(scores.cpu(), texts.cpu(), self.steps(lengths).cpu(), sizes.cpu(), zero_infinity=True)
