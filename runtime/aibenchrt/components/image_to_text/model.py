"""Show and Tell: Vinyals, Toshev, Bengio, Erhan 2015 (CVPR), section 3: a network sees the picture, an LSTM says what is in it.

What the network sees is the first input of the LSTM, and the only time that it sees anything (equations 10–12); then come the words, each
the input after it was said. Beside its features the LSTM is shown how likely each word is in the caption, by a layer that learns just
that: Wu, Shen, Liu, Dick, van den Hengel 2016, What Value Do Explicit High Level Concepts Have in Vision to Language Problems?

`show_and_tell_small` sees with the small residual trunk of image_embedding and has an LSTM of 96.

`vit_lstm` sees with ViT-B/16 of Dosovitskiy et al. 2021 (ICLR; table 1: 12 layers of width 768, hidden 3,072, 12 heads, 86 M parameters)
without its classifier, in place of the paper's convolutional network, and has the paper's LSTM of 512 (section 4.3.1). Pictures are resized
to 224×224 inside the model.

The input is (batch, 3, 64, 64) float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_embedding.model import DEVIATION, MEAN, SmallNumbers, SmallTrunk


@dataclass(frozen=True)
class VitNumbers:
    """patch: pixels of a patch's side. resized: of the picture's."""

    layers: int
    width: int
    hidden: int
    heads: int
    patch: int = 16
    resized: int = 224


@dataclass(frozen=True)
class CaptionerNumbers:
    """units: of the LSTM and of its inputs. dropout: of what is seen, and of what the LSTM says."""

    sees: SmallNumbers | VitNumbers
    units: int
    dropout: float


def show_and_tell_small() -> CaptionerNumbers:
    return CaptionerNumbers(SmallNumbers(24, (32, 64, 128)), 96, 0.3)


def vit_lstm() -> CaptionerNumbers:
    return CaptionerNumbers(VitNumbers(12, 768, 3072, 12), 512, 0.3)


MODELS: dict[str, Callable[[], CaptionerNumbers]] = {"show_and_tell_small": show_and_tell_small, "vit_lstm": vit_lstm}


def build(model: str, words: int) -> Captioner:
    """The network of that name for a vocabulary of that many numbers."""
    return Captioner(MODELS[model](), words)


class Captioner(nn.Module):
    def __init__(self, numbers: CaptionerNumbers, words: int) -> None:
        super().__init__()
        self.trunk: SmallTrunk | Vit = SmallTrunk(numbers.sees) if isinstance(numbers.sees, SmallNumbers) else Vit(numbers.sees)
        self.has = nn.Linear(self.trunk.leaving, words)
        self.seen = nn.Linear(self.trunk.leaving + words, numbers.units, bias=False)  # the norm has one
        self.norm = nn.BatchNorm1d(numbers.units)
        self.words = nn.Embedding(words, numbers.units)
        self.lstm = nn.LSTMCell(numbers.units, numbers.units)
        self.out = nn.Linear(numbers.units, words)
        self.dropout = nn.Dropout(numbers.dropout)

    def features(self, pixels: Tensor) -> Tensor:
        """(batch, 3, 64, 64) → (batch, leaving of the trunk)."""
        out: Tensor = self.trunk((pixels - MEAN) / DEVIATION)
        return out

    def begin(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden, cell (batch, units), before the first word."""
        both = torch.cat([self.dropout(features), torch.sigmoid(self.has(features))], dim=1)
        seen = self.norm(self.seen(both))
        nothing = torch.zeros_like(seen)
        hidden, cell = self.lstm(seen, (nothing, nothing))
        return hidden, cell

    def step(self, word: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(batch,) the last word's number, or BEGIN; hidden, cell → scores of the next (batch, words), hidden, cell."""
        hidden, cell = self.lstm(self.words(word), (hidden, cell))
        return self.out(self.dropout(hidden)), hidden, cell

    def forward(self, features: Tensor, given: Tensor) -> Tensor:
        """The scores after each of `given` (batch, n), BEGIN and the true words: (batch, n, words)."""
        hidden, cell = self.begin(features)
        scores = []
        for word in given.unbind(dim=1):
            score, hidden, cell = self.step(word, hidden, cell)
            scores.append(score)
        return torch.stack(scores, dim=1)


class See(nn.Module):
    """A captioner's first part, for export."""

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.captioner = captioner

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return self.captioner.begin(self.captioner.features(pixels))


class Step(nn.Module):
    """One word of a captioner, for export."""

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.captioner = captioner

    def forward(self, word: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.captioner.step(word, hidden, cell)


class Vit(nn.Module):
    """(b, 3, any, any) → (b, width): the class token behind the last layer norm."""

    def __init__(self, numbers: VitNumbers) -> None:
        super().__init__()
        self.resized, self.leaving = numbers.resized, numbers.width
        self.patches = nn.Conv2d(3, numbers.width, numbers.patch, numbers.patch)  # (b, 3, 224, 224) → (b, 768, 14, 14)
        places = (numbers.resized // numbers.patch) ** 2 + 1
        self.token = nn.Parameter(torch.zeros(1, 1, numbers.width))
        self.place = nn.Parameter(torch.empty(1, places, numbers.width).normal_(std=0.02))
        self.layers = nn.Sequential(*(VitLayer(numbers) for _ in range(numbers.layers)))
        self.norm = nn.LayerNorm(numbers.width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.interpolate(x, size=(self.resized, self.resized), mode="bilinear", align_corners=False)
        x = self.patches(x).flatten(2).transpose(1, 2)  # (b, 196, 768)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.place
        out: Tensor = self.norm(self.layers(x)[:, 0])
        return out


class VitLayer(nn.Module):
    """Equations 2 and 3: attention and a hidden layer, each behind a layer norm and beside a shortcut."""

    def __init__(self, numbers: VitNumbers) -> None:
        super().__init__()
        self.heads = numbers.heads
        self.before_attention = nn.LayerNorm(numbers.width, eps=1e-6)
        self.mix = nn.Linear(numbers.width, 3 * numbers.width)
        self.join = nn.Linear(numbers.width, numbers.width)
        self.before_hidden = nn.LayerNorm(numbers.width, eps=1e-6)
        self.widen = nn.Linear(numbers.width, numbers.hidden)
        self.narrow = nn.Linear(numbers.hidden, numbers.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._attention(self.before_attention(x))
        out: Tensor = x + self.narrow(functional.gelu(self.widen(self.before_hidden(x))))
        return out

    def _attention(self, x: Tensor) -> Tensor:
        rows, places, width = x.shape
        mixed = self.mix(x).reshape(rows, places, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        queries, keys, values = mixed.unbind(dim=0)  # (b, heads, places, width of a head) each
        seen = functional.scaled_dot_product_attention(queries, keys, values)
        out: Tensor = self.join(seen.transpose(1, 2).reshape(rows, places, width))
        return out
