"""The Transformer (Vaswani et al. 2017, Attention Is All You Need, NeurIPS), encoder and decoder, figure 1.

    ids ─ embedding + positions ─ [attention, feed-forward] × N ─ memory       Encode: memory as each decoder layer's keys and values
    token ─ embedding + position ─ [attention to what came before, to memory, feed-forward] × N ─ logits   DecoderStep: one token, cached

Source, target and output share one embedding (section 3.4). `norm_first` puts the layer norm before each sublayer, so that a small model
trains without a long warm-up (Xiong et al. 2020, ICML); in the published model it comes after.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.text_translation.vocabulary import PADDING

LONGEST = 512  # positions


@dataclass(frozen=True)
class Numbers:
    """vocabulary: the most symbols; width: d_model; hidden: d_ff; heads: h; encoder, decoder: number of layers; dropout: P_drop."""

    vocabulary: int
    width: int
    hidden: int
    heads: int
    encoder: int
    decoder: int
    dropout: float
    norm_first: bool


def transformer_small() -> Numbers:
    return Numbers(vocabulary=4000, width=160, hidden=512, heads=4, encoder=3, decoder=2, dropout=0.0, norm_first=True)


def transformer_base() -> Numbers:
    """Table 3, row "base". The paper's vocabulary is "about 37000 tokens" (section 5.1): with 37,000 this shape has 63.1M parameters, with
    40,000 64.6M; the table says 65M."""
    return Numbers(vocabulary=40_000, width=512, hidden=2048, heads=8, encoder=6, decoder=6, dropout=0.1, norm_first=False)


MODELS: dict[str, Callable[[], Numbers]] = {"transformer_small": transformer_small, "transformer_base": transformer_base}


class Attention(nn.Module):
    """Multi-head attention, section 3.2.2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def remembered(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(b, s, width) → keys and values, each (b, heads, s, width / heads)."""
        return self._split(self.key(x)), self._split(self.value(x))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, hidden: Tensor | None) -> Tensor:
        """x: (b, t, width); hidden: bool mask, broadcast to (b, heads, t, s), true where attention is not allowed."""
        scores = self._split(self.query(x)) @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1])
        if hidden is not None:
            scores = scores.masked_fill(hidden, -1e9)
        mixed = functional.softmax(scores, dim=-1) @ values  # (b, heads, t, width / heads)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


class Sublayer(nn.Module):
    """Residual connection with dropout and layer norm, section 3.1."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(numbers.width)
        self.dropout = nn.Dropout(numbers.dropout)
        self.first = numbers.norm_first

    def forward(self, x: Tensor, inner: Callable[[Tensor], Tensor]) -> Tensor:
        out: Tensor = x + self.dropout(inner(self.norm(x))) if self.first else self.norm(x + self.dropout(inner(x)))
        return out


def feed_forward(numbers: Numbers) -> nn.Sequential:
    return nn.Sequential(nn.Linear(numbers.width, numbers.hidden), nn.ReLU(), nn.Linear(numbers.hidden, numbers.width))


class EncoderLayer(nn.Module):
    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.attention = Attention(numbers.width, numbers.heads)
        self.feed_forward = feed_forward(numbers)
        self.around_attention, self.around_feed_forward = Sublayer(numbers), Sublayer(numbers)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        x = self.around_attention(x, lambda y: self.attention(y, *self.attention.remembered(y), hidden))
        out: Tensor = self.around_feed_forward(x, self.feed_forward)
        return out


class DecoderLayer(nn.Module):
    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.attention, self.cross = Attention(numbers.width, numbers.heads), Attention(numbers.width, numbers.heads)
        self.feed_forward = feed_forward(numbers)
        self.around_attention, self.around_cross, self.around_feed_forward = (Sublayer(numbers) for _ in range(3))

    def forward(
        self, x: Tensor, memory: tuple[Tensor, Tensor], hidden: Tensor, cache: tuple[Tensor, Tensor] | None, future: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x: (b, t, width) at the positions after `cache`. Also returns the keys and values of all positions so far."""
        seen: list[tuple[Tensor, Tensor]] = []

        def look_back(y: Tensor) -> Tensor:
            keys, values = self.attention.remembered(y)
            if cache is not None:
                keys, values = torch.cat([cache[0], keys], dim=2), torch.cat([cache[1], values], dim=2)
            seen.append((keys, values))
            mixed: Tensor = self.attention(y, keys, values, future)
            return mixed

        x = self.around_attention(x, look_back)
        x = self.around_cross(x, lambda y: self.cross(y, *memory, hidden))
        x = self.around_feed_forward(x, self.feed_forward)
        return x, seen[0]


class Transformer(nn.Module):
    """Source ids (b, s) and target ids (b, t), with PADDING after the end of each → logits (b, t, vocabulary) of each next token."""

    positions: Tensor

    def __init__(self, numbers: Numbers, symbols: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.embedding = nn.Embedding(symbols, numbers.width)
        self.encoder = nn.ModuleList(EncoderLayer(numbers) for _ in range(numbers.encoder))
        self.decoder = nn.ModuleList(DecoderLayer(numbers) for _ in range(numbers.decoder))
        self.encoder_norm, self.decoder_norm = (nn.LayerNorm(numbers.width) if numbers.norm_first else nn.Identity() for _ in range(2))
        self.dropout = nn.Dropout(numbers.dropout)
        self.register_buffer("positions", sinusoids(LONGEST, numbers.width), persistent=False)
        nn.init.normal_(self.embedding.weight, std=numbers.width**-0.5)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2 and "embedding" not in name:
                nn.init.xavier_uniform_(parameter)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        hidden = blank(source)
        memory = self.encode(source)
        x = self.embed(target, self.positions[: target.shape[1]])
        future = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool, device=target.device).triu(1)
        for layer in self.decoder_layers():
            x, _ = layer(x, layer.cross.remembered(memory), hidden, None, future)
        return self.logits(x)

    def decoder_layers(self) -> list[DecoderLayer]:
        return [layer for layer in self.decoder if isinstance(layer, DecoderLayer)]

    def encode(self, source: Tensor) -> Tensor:
        """(b, s) → memory (b, s, width)."""
        x = self.embed(source, self.positions[: source.shape[1]])
        hidden = blank(source)
        for layer in self.encoder:
            x = layer(x, hidden)
        out: Tensor = self.encoder_norm(x)
        return out

    def logits(self, x: Tensor) -> Tensor:
        """(b, t, width) → (b, t, vocabulary)."""
        return functional.linear(self.decoder_norm(x), self.embedding.weight)

    def embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        """(b, t) ids at these positions, (t, width) or (b, t, width) → (b, t, width)."""
        out: Tensor = self.dropout(self.embedding(ids) * math.sqrt(self.numbers.width) + positions)
        return out


class Encode(nn.Module):
    """Source ids (b, s) → every decoder layer's keys and values of the source, each (b, layers, heads, s, width / heads)."""

    def __init__(self, network: Transformer) -> None:
        super().__init__()
        self.network = network

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        memory = self.network.encode(source)
        keys, values = zip(*(layer.cross.remembered(memory) for layer in self.network.decoder_layers()), strict=True)
        return torch.stack(keys, dim=1), torch.stack(values, dim=1)


class DecoderStep(nn.Module):
    """The next token's logits (b, vocabulary), and the keys and values of all positions so far.

    source: (b, s) ids; source_keys, source_values: as given by Encode; token, position: (b, 1) int64, the last token and its position;
    keys, values: (b, layers, heads, t, width / heads), returned by the previous steps.
    """

    def __init__(self, network: Transformer) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        source: Tensor,
        source_keys: Tensor,
        source_values: Tensor,
        token: Tensor,
        position: Tensor,
        keys: Tensor,
        values: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        network, hidden = self.network, blank(source)
        x = network.embed(token, network.positions[position])
        seen = []
        for number, layer in enumerate(network.decoder):
            memory, cache = (source_keys[:, number], source_values[:, number]), (keys[:, number], values[:, number])
            x, both = layer(x, memory, hidden, cache, None)
            seen.append(both)
        return (
            network.logits(x).squeeze(1),
            torch.stack([key for key, _ in seen], dim=1),
            torch.stack([value for _, value in seen], dim=1),
        )


def blank(source: Tensor) -> Tensor:
    """(b, s) ids → (b, 1, 1, s) bool, true for padding."""
    return (source == PADDING)[:, None, None, :]


def sinusoids(length: int, width: int) -> Tensor:
    """Positional encodings (length, width), section 3.5."""
    angle = torch.arange(length).unsqueeze(1) * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
