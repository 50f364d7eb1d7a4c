"""Text classifiers over hashed word and character n-grams.

fasttext: Joulin, Grave, Bojanowski, Mikolov 2017, Bag of Tricks for Efficient Text Classification (EACL): the mean of the embeddings
of words, word bigrams and character n-grams (as in Bojanowski et al. 2017: misspelt words keep most of their features), then a
linear layer.
textcnn: Kim 2014, Convolutional Neural Networks for Sentence Classification (EMNLP), figure 1: convolutions of widths 3, 4, 5 over word
embeddings (a word is the mean of its character n-grams' embeddings), max over time, dropout, linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PADDING = 0


@dataclass(frozen=True)
class FasttextNumbers:
    """buckets: rows of the hashed embedding table (row 0 is padding); width: of an embedding."""

    buckets: int = 1 << 14
    width: int = 32


@dataclass(frozen=True)
class TextCnnNumbers:
    """maps: feature maps per filter width (Kim: 100). subwords: n-grams kept of a word; words: of a text."""

    buckets: int = 1 << 14
    width: int = 32
    maps: int = 64
    filter_widths: tuple[int, ...] = (3, 4, 5)
    dropout: float = 0.5
    words: int = 12
    subwords: int = 24


def fasttext() -> FasttextNumbers:
    return FasttextNumbers()


def textcnn() -> TextCnnNumbers:
    return TextCnnNumbers()


MODELS: dict[str, Callable[[], FasttextNumbers | TextCnnNumbers]] = {"fasttext": fasttext, "textcnn": textcnn}


def build(model: str, labels: int) -> nn.Module:
    numbers = MODELS[model]()
    return Fasttext(numbers, labels) if isinstance(numbers, FasttextNumbers) else TextCnn(numbers, labels)


def _mean_embedding(table: nn.Embedding, ids: Tensor) -> Tensor:
    """(…, n) ids, 0 for none → (…, width): the mean over those that are not padding; zeros where all are."""
    present = (ids != PADDING).unsqueeze(-1).to(torch.float32)
    total = (table(ids) * present).sum(dim=-2)
    mean: Tensor = total / present.sum(dim=-2).clamp(min=1.0)
    return mean


class Fasttext(nn.Module):
    """(batch, n) hashed n-gram ids, 0 for padding → logits (batch, labels)."""

    def __init__(self, numbers: FasttextNumbers, labels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(numbers.buckets, numbers.width, padding_idx=PADDING)
        nn.init.uniform_(self.embedding.weight, -1 / numbers.width, 1 / numbers.width)
        self.out = nn.Linear(numbers.width, labels)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.out(_mean_embedding(self.embedding, ids))  # (b, n) → (b, width) → (b, labels)
        return out


class TextCnn(nn.Module):
    """(batch, words, subwords) hashed ids, 0 for padding → logits (batch, labels)."""

    def __init__(self, numbers: TextCnnNumbers, labels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(numbers.buckets, numbers.width, padding_idx=PADDING)
        nn.init.normal_(self.embedding.weight, std=0.1)
        widths = numbers.filter_widths
        self.convolutions = nn.ModuleList(nn.Conv1d(numbers.width, numbers.maps, width, padding=width - 1) for width in widths)
        self.dropout = nn.Dropout(numbers.dropout)
        self.out = nn.Linear(numbers.maps * len(numbers.filter_widths), labels)

    def forward(self, ids: Tensor) -> Tensor:
        words = _mean_embedding(self.embedding, ids).transpose(1, 2)  # (b, words, subwords) → (b, width, words)
        pooled = [functional.relu(convolution(words)).amax(dim=2) for convolution in self.convolutions]  # each (b, maps)
        out: Tensor = self.out(self.dropout(torch.cat(pooled, dim=1)))
        return out
