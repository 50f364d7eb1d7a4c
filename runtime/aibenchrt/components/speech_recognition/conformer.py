"""Conformer transducer: Gulati et al. 2020, Conformer (Interspeech), sections 2 and 3.2, table 1; loss of Graves 2012.

Encoder: two 3×3 convolutions of stride 2 over (time, mel), a linear layer, then blocks of half a feed-forward module, self-attention with
relative positions (Dai et al. 2019, Transformer-XL, section 3.3), convolution module, half a feed-forward module, layer norm (equation
1). Decoder: one LSTM layer over the characters so far; a joint network adds the encoder's and the decoder's outputs.

The paper's output units, and its count of 10.3 million parameters, are for 1,024 word pieces; here the units are an alphabet's characters.
The convolution's kernel of 32 is even: it covers 15 frames before and 16 after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.speech_recognition.features import MELS

NEVER = -1e9  # a score that softmax turns into 0; finite, so that zero times it is 0, not NaN


@dataclass(frozen=True)
class ConformerNumbers:
    """A column of table 1: encoder layers, encoder dimension, attention heads, convolution kernel size, decoder dimension (one layer)."""

    layers: int
    width: int
    heads: int
    kernel: int
    decoder: int
    expansion: int = 4
    dropout: float = 0.1


class FeedForward(nn.Module):
    """Figure 4: layer norm, linear, swish, dropout, linear, dropout."""

    def __init__(self, numbers: ConformerNumbers) -> None:
        super().__init__()
        inner = numbers.width * numbers.expansion
        self.layers = nn.Sequential(
            nn.LayerNorm(numbers.width),
            nn.Linear(numbers.width, inner),
            nn.SiLU(),
            nn.Dropout(numbers.dropout),
            nn.Linear(inner, numbers.width),
            nn.Dropout(numbers.dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class RelativeAttention(nn.Module):
    """Figure 3: layer norm, multi-headed self-attention with relative positional embedding, dropout."""

    def __init__(self, numbers: ConformerNumbers) -> None:
        super().__init__()
        self.heads, self.each = numbers.heads, numbers.width // numbers.heads
        self.norm = nn.LayerNorm(numbers.width)
        self.query, self.key, self.value, self.out = (nn.Linear(numbers.width, numbers.width) for _ in range(4))
        self.position = nn.Linear(numbers.width, numbers.width, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(self.heads, 1, self.each))  # u of Transformer-XL
        self.position_bias = nn.Parameter(torch.zeros(self.heads, 1, self.each))  # v
        self.dropout = nn.Dropout(numbers.dropout)

    def forward(self, x: Tensor, places: Tensor, absent: Tensor | None) -> Tensor:
        """x: (b, t, width). places: (2t - 1, width), embeddings of distances t - 1 … 1 - t. absent: (b, t) bool, true for padding."""
        x = self.norm(x)
        query, key, value = (self._by_head(layer(x)) for layer in (self.query, self.key, self.value))  # (b, heads, t, each)
        place = self._by_head(self.position(places).unsqueeze(0))  # (1, heads, 2t - 1, each)
        content = (query + self.content_bias) @ key.transpose(2, 3)  # (b, heads, t, t)
        position = shifted((query + self.position_bias) @ place.transpose(2, 3))  # (b, heads, t, 2t - 1) → (b, heads, t, t)
        scores = (content + position) / math.sqrt(self.each)
        if absent is not None:
            scores = scores.masked_fill(absent[:, None, None, :], NEVER)
        mixed = self.dropout(scores.softmax(dim=3)) @ value
        out: Tensor = self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))
        return out

    def _by_head(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.each).transpose(1, 2)


def shifted(scores: Tensor) -> Tensor:
    """(b, heads, t, 2t - 1) scores by distance t - 1 … 1 - t → (b, heads, t, t) by the attended position (Dai et al. 2019, appendix B)."""
    batch, heads, length = scores.shape[:3]
    padded = functional.pad(scores, (1, 0)).reshape(batch, heads, 2 * length, length)
    return padded[:, :, 1:].reshape(batch, heads, length, 2 * length - 1)[..., :length]


class ConvolutionModule(nn.Module):
    """Figure 2: layer norm, pointwise convolution, GLU, 1-D depthwise convolution, batch norm, swish, pointwise convolution, dropout."""

    def __init__(self, numbers: ConformerNumbers) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(numbers.width)
        self.enter = nn.Conv1d(numbers.width, 2 * numbers.width, 1)
        self.around = ((numbers.kernel - 1) // 2, numbers.kernel // 2)
        self.depthwise = nn.Conv1d(numbers.width, numbers.width, numbers.kernel, groups=numbers.width)
        self.batch_norm = nn.BatchNorm1d(numbers.width)
        self.leave = nn.Conv1d(numbers.width, numbers.width, 1)
        self.dropout = nn.Dropout(numbers.dropout)

    def forward(self, x: Tensor, absent: Tensor | None) -> Tensor:
        x = functional.glu(self.enter(self.norm(x).transpose(1, 2)), dim=1)  # (b, width, t)
        if absent is not None:
            x = x.masked_fill(absent[:, None, :], 0.0)
        x = functional.silu(self.batch_norm(self.depthwise(functional.pad(x, self.around))))
        out: Tensor = self.dropout(self.leave(x).transpose(1, 2))
        return out


class Block(nn.Module):
    """One Conformer block, equation 1."""

    def __init__(self, numbers: ConformerNumbers) -> None:
        super().__init__()
        self.before = FeedForward(numbers)
        self.attention = RelativeAttention(numbers)
        self.convolution = ConvolutionModule(numbers)
        self.after = FeedForward(numbers)
        self.norm = nn.LayerNorm(numbers.width)

    def forward(self, x: Tensor, places: Tensor, absent: Tensor | None) -> Tensor:
        x = x + 0.5 * self.before(x)
        x = x + self.attention(x, places, absent)
        x = x + self.convolution(x, absent)
        out: Tensor = self.norm(x + 0.5 * self.after(x))
        return out


class Encoder(nn.Module):
    """Figure 1: features (batch, frames, 80) → (batch, steps, width); the first step needs 7 frames, each further one 4 more."""

    def __init__(self, numbers: ConformerNumbers) -> None:
        super().__init__()
        width = numbers.width
        self.first, self.second = nn.Conv2d(1, width, 3, 2), nn.Conv2d(width, width, 3, 2)
        self.linear = nn.Linear(width * _halved(_halved(MELS)), width)
        self.dropout = nn.Dropout(numbers.dropout)
        self.blocks = nn.ModuleList(Block(numbers) for _ in range(numbers.layers))
        self.width = width

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        x: Tensor = functional.relu(self.second(functional.relu(self.first(features.unsqueeze(1)))))  # (b, width, t, mels)
        x = self.dropout(self.linear(x.transpose(1, 2).flatten(2)))
        absent = None if lengths is None else torch.arange(x.shape[1], device=x.device) >= steps(lengths)[:, None]
        places = distances(x.shape[1], self.width, x.device)
        for block in self.blocks:
            x = block(x, places, absent)
        return x


def _halved(size: int) -> int:
    return (size - 3) // 2 + 1  # the output size of a kernel of 3 with stride 2


def steps(frames: Tensor) -> Tensor:
    """The number of steps for a number of frames, which is at least 7."""
    return ((frames - 1) // 2 - 1) // 2


def distances(length: int, width: int, device: torch.device) -> Tensor:
    """(2 length - 1, width): sines and cosines of the distances length - 1 … 1 - length (Vaswani et al. 2017, section 3.5)."""
    distance = torch.arange(length - 1, -length, -1, device=device, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(10000.0) / width))
    return torch.cat([torch.sin(distance * rate), torch.cos(distance * rate)], dim=1)


class Decoder(nn.Module):
    """One decoding step: the encoder's output at a step and the last character → scores of the next character, the blank first, and the
    LSTM's state."""

    def __init__(self, numbers: ConformerNumbers, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1 + characters, numbers.decoder)  # the blank's row stands for the beginning of the text
        self.recurrent = nn.LSTM(numbers.decoder, numbers.decoder, batch_first=True)
        self.heard = nn.Linear(numbers.width, numbers.decoder)
        self.wrote = nn.Linear(numbers.decoder, numbers.decoder, bias=False)
        self.out = nn.Linear(numbers.decoder, 1 + characters)

    def forward(self, encoded: Tensor, last: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """encoded: (b, width); last: (b,) int64; hidden, cell: (b, decoder) → scores (b, 1 + characters), hidden, cell."""
        wrote, state = self.recurrent(self.embedding(last).unsqueeze(1), (hidden.unsqueeze(0), cell.unsqueeze(0)))
        return self.joint(encoded, wrote.squeeze(1)), state[0].squeeze(0), state[1].squeeze(0)

    def joint(self, encoded: Tensor, wrote: Tensor) -> Tensor:
        out: Tensor = self.out(torch.tanh(self.heard(encoded) + self.wrote(wrote)))
        return out

    def all_scores(self, encoded: Tensor, texts: Tensor) -> Tensor:
        """(b, t, width), (b, u) → scores (b, t, u + 1, 1 + characters) after each step and each prefix of the text."""
        wrote, _ = self.recurrent(self.embedding(functional.pad(texts, (1, 0))))
        return self.joint(encoded.unsqueeze(2), wrote.unsqueeze(1))


class Transducer(nn.Module):
    """The whole network; `encoder` and `decoder` are exported separately."""

    def __init__(self, numbers: ConformerNumbers, characters: int) -> None:
        super().__init__()
        self.encoder = Encoder(numbers)
        self.decoder = Decoder(numbers, characters)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        out: Tensor = self.encoder(features, lengths)
        return out

    steps = staticmethod(steps)

    def loss(self, features: Tensor, lengths: Tensor, texts: Tensor, sizes: Tensor) -> Tensor:
        """Mean over utterances of the loss per character. texts: (batch, longest) numbers 1 … characters; sizes: (batch,), their
        lengths."""
        scores = self.decoder.all_scores(self.encoder(features, lengths), texts)
        return (transducer_loss(scores, texts, steps(lengths), sizes) / sizes).mean()


def transducer_loss(scores: Tensor, texts: Tensor, heard: Tensor, sizes: Tensor) -> Tensor:
    """(batch,): the negative log-probability of each text, summed over its alignments (Graves 2012, equations 16 to 18).

    scores: (b, t, u + 1, 1 + characters), the blank first. texts: (b, u). heard, sizes: (b,), the numbers of steps and of characters
    without padding.
    """
    likely = scores.log_softmax(dim=3)
    blank = likely[..., 0]  # (b, t, u + 1)
    written = likely[:, :, :-1].gather(3, texts[:, None, :, None].expand(-1, likely.shape[1], -1, 1)).squeeze(3)  # (b, t, u)
    total = functional.pad(written.cumsum(dim=2), (1, 0))  # log-probability of writing the first u characters at one step
    forward = total[:, 0]
    ends = [forward]
    for step in range(1, likely.shape[1]):
        # α(t, u) = Σ over u' ≤ u of α(t-1, u') · blank(t-1, u') · characters u'+1 … u written at t
        forward = total[:, step] + torch.logcumsumexp(forward + blank[:, step - 1] - total[:, step], dim=1)
        ends.append(forward)
    rows = torch.arange(len(scores), device=scores.device)
    last = torch.stack(ends, dim=1)[rows, heard - 1, sizes]
    return -(last + blank[rows, heard - 1, sizes])
