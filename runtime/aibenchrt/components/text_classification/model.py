"""Text classifiers over hashed word and character n-grams.

fasttext: Joulin, Grave, Bojanowski, Mikolov 2017, Bag of Tricks for Efficient Text Classification (EACL): the mean of the embeddings
of words, word bigrams and character n-grams (as in Bojanowski et al. 2017: misspelt words keep most of their features), then a
linear layer.
textcnn: Kim 2014, Convolutional Neural Networks for Sentence Classification (EMNLP), figure 1: convolutions of widths 3, 4, 5 over word
embeddings (a word is the mean of its character n-grams' embeddings), max over time, dropout, linear.
bert_base: Devlin, Chang, Lee, Toutanova 2019, BERT (NAACL), BERT-base of section 3: 12 layers, hidden size 768, 12 heads, 110 M
parameters; the classifier reads the pooled [CLS]. Adapted: it starts without pretraining, and has as many hashed n-grams in place of
30,522 word pieces; a word is represented by the mean of its n-grams.
"""

from __future__ import annotations

import math
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
    """maps: feature maps per filter width (Kim: 100). subwords: the most n-grams of a word; words: the most words of a text."""

    buckets: int = 1 << 14
    width: int = 32
    maps: int = 64
    filter_widths: tuple[int, ...] = (3, 4, 5)
    dropout: float = 0.5
    words: int = 12
    subwords: int = 24


@dataclass(frozen=True)
class BertNumbers:
    """buckets: rows of the embedding table, the last one for [CLS]; hidden: width of the feed-forward layers; places: positions."""

    buckets: int = 30_522
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    places: int = 512
    segments: int = 2
    dropout: float = 0.1
    words: int = 12
    subwords: int = 24


Numbers = FasttextNumbers | TextCnnNumbers | BertNumbers


def fasttext() -> FasttextNumbers:
    return FasttextNumbers()


def textcnn() -> TextCnnNumbers:
    return TextCnnNumbers()


def bert_base() -> BertNumbers:
    return BertNumbers()


MODELS: dict[str, Callable[[], Numbers]] = {"fasttext": fasttext, "textcnn": textcnn, "bert_base": bert_base}


def build(model: str, labels: int) -> nn.Module:
    numbers = MODELS[model]()
    if isinstance(numbers, BertNumbers):
        return BertClassifier(numbers, labels)
    return Fasttext(numbers, labels) if isinstance(numbers, FasttextNumbers) else TextCnn(numbers, labels)


def hash_buckets(numbers: Numbers) -> int:
    """The number of table rows that n-grams are hashed to, including the row of padding."""
    return numbers.buckets - 1 if isinstance(numbers, BertNumbers) else numbers.buckets


def _mean_embedding(table: nn.Embedding, ids: Tensor) -> Tensor:
    """(…, n) ids, 0 for padding → (…, width): the mean embedding of those that are not padding; zeros if all are."""
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


class BertLayer(nn.Module):
    """One encoder layer: attention over the words, then a feed-forward layer, each with a residual connection followed by layer norm."""

    def __init__(self, numbers: BertNumbers) -> None:
        super().__init__()
        width = numbers.width
        self.heads = numbers.heads
        self.query, self.key, self.value, self.joined = (nn.Linear(width, width) for _ in range(4))
        self.into, self.out = nn.Linear(width, numbers.hidden), nn.Linear(numbers.hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(numbers.dropout)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """x: (b, n, width); present: (b, n) bool, False for padding."""
        batch, n, width = x.shape

        def split(y: Tensor) -> Tensor:
            return y.reshape(batch, n, self.heads, width // self.heads).transpose(1, 2)  # (b, heads, n, width / heads)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weight = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)
        weight = weight.masked_fill(~present[:, None, None, :], torch.finfo(weight.dtype).min)
        attended = (self.dropout(weight.softmax(dim=-1)) @ value).transpose(1, 2).reshape(batch, n, width)
        x = self.norm1(x + self.dropout(self.joined(attended)))
        out: Tensor = self.norm2(x + self.dropout(self.out(functional.gelu(self.into(x)))))
        return out


class BertClassifier(nn.Module):
    """(batch, words, subwords) hashed ids, 0 for padding → logits (batch, labels)."""

    def __init__(self, numbers: BertNumbers, labels: int) -> None:
        super().__init__()
        width = numbers.width
        self.first = numbers.buckets - 1  # [CLS]
        self.embedding = nn.Embedding(numbers.buckets, width, padding_idx=PADDING)
        self.place = nn.Embedding(numbers.places, width)
        self.segment = nn.Embedding(numbers.segments, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(numbers) for _ in range(numbers.layers))
        self.pooler = nn.Linear(width, width)
        self.out = nn.Linear(width, labels)
        self.dropout = nn.Dropout(numbers.dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, ids: Tensor) -> Tensor:
        words = _mean_embedding(self.embedding, ids)  # (b, words, subwords) → (b, words, width)
        cls = self.embedding(torch.full_like(ids[:, :1, 0], self.first))  # (b, 1, width)
        x = torch.cat([cls, words], dim=1)
        present = torch.cat([torch.ones_like(ids[:, :1, 0], dtype=torch.bool), (ids != PADDING).any(dim=2)], dim=1)
        places = torch.arange(x.shape[1], device=ids.device)
        x = self.dropout(self.norm(x + self.place(places) + self.segment(torch.zeros_like(places))))
        for layer in self.layers:
            x = layer(x, present)
        out: Tensor = self.out(self.dropout(torch.tanh(self.pooler(x[:, 0]))))
        return out
