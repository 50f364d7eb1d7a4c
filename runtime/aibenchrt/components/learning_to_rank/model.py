"""Rankers trained with a lambda loss: they score each item from the features that the path produced.

mlp_lambda: Wang, Li, Golbandi, Bendersky, Najork 2018, The LambdaLoss Framework for Ranking Metric Optimization (CIKM): NDCG-Loss2++
on a multi-layer perceptron. linear_lambda: Burges 2010, From RankNet to LambdaRank to LambdaMART (MSR-TR-2010-82), section 4, on a
linear scorer. context_aware: Pobrotyn, Bartczak, Synowiec, Białobrzeski, Bojar 2020, Context-Aware Learning to Rank with Self-Attention
(SIGIR eCom), in the configuration that its authors publish for this loss on MSLR-WEB30K (allRank, reproducibility/configs/
contextaware_web30k/ndcgloss2pp.json): a fully connected layer of 128, four encoder blocks of four heads and 512 hidden units, no
positional encoding; 811,009 parameters at WEB30K's 136 features. Each item's score depends on all others that were found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class RankerNumbers:
    """hidden: widths of the hidden layers, () for a linear scorer. loss: 'lambdarank' or 'ndcg_loss2++'; mu: weight of NDCG-Loss2 in it."""

    hidden: tuple[int, ...]
    loss: str
    dropout: float = 0.0
    mu: float = 10.0


@dataclass(frozen=True)
class ContextNumbers:
    """width: of an item's representation; blocks: number of encoder blocks; hidden: width of their feed-forward layers. loss, mu: as in
    RankerNumbers."""

    width: int
    blocks: int
    heads: int
    hidden: int
    loss: str
    dropout: float
    mu: float = 10.0


Numbers = RankerNumbers | ContextNumbers


def mlp_lambda() -> RankerNumbers:
    return RankerNumbers(hidden=(32, 16), loss="ndcg_loss2++", dropout=0.1)


def linear_lambda() -> RankerNumbers:
    return RankerNumbers(hidden=(), loss="lambdarank")


def context_aware() -> ContextNumbers:
    return ContextNumbers(width=128, blocks=4, heads=4, hidden=512, loss="ndcg_loss2++", dropout=0.3)


MODELS: dict[str, Callable[[], Numbers]] = {
    "mlp_lambda": mlp_lambda,
    "linear_lambda": linear_lambda,
    "context_aware": context_aware,
}


class Ranker(nn.Module):
    """features (…, n, features) float32 → scores (…, n), each item scored on its own.

    Standardises the features by the training data's mean and standard deviation, which are kept as buffers.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, numbers: RankerNumbers, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        widths = (len(mean), *numbers.hidden)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(numbers.dropout)
        self.out = nn.Linear(widths[-1], 1)

    def forward(self, features: Tensor, present: Tensor | None = None) -> Tensor:  # noqa: ARG002  padding gets a score too, which is never used
        x = (features - self.mean) / self.deviation
        for layer in self.hidden:
            x = self.dropout(functional.relu(layer(x)))
        score: Tensor = self.out(x).squeeze(-1)
        return score


class Block(nn.Module):
    """One encoder block (section 3.2): self-attention over the list and a feed-forward layer, each with layer norm before it and a residual
    connection around it."""

    def __init__(self, numbers: ContextNumbers) -> None:
        super().__init__()
        width = numbers.width
        self.heads = numbers.heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.joined = (nn.Linear(width, width) for _ in range(4))
        self.into, self.out = nn.Linear(width, numbers.hidden), nn.Linear(numbers.hidden, width)
        self.dropout = nn.Dropout(numbers.dropout)

    def forward(self, x: Tensor, present: Tensor | None) -> Tensor:
        """x: (lists, n, width); present: (lists, n) bool, False for padding; None: there is no padding."""
        x = x + self.dropout(self._attention(self.norm1(x), present))
        hidden = self.dropout(functional.relu(self.into(self.norm2(x))))
        out: Tensor = x + self.dropout(self.out(hidden))
        return out

    def _attention(self, x: Tensor, present: Tensor | None) -> Tensor:
        lists, n, width = x.shape

        def split(y: Tensor) -> Tensor:
            return y.reshape(lists, n, self.heads, width // self.heads).transpose(1, 2)  # (lists, heads, n, width / heads)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weight = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)  # (lists, heads, n, n)
        if present is not None:
            weight = weight.masked_fill(~present[:, None, None, :], torch.finfo(weight.dtype).min)
        attended = self.dropout(weight.softmax(dim=-1)) @ value
        joined: Tensor = self.joined(attended.transpose(1, 2).reshape(lists, n, width))
        return joined


class ContextAwareRanker(nn.Module):
    """features (n, features) of one list, or (lists, n, features) with `present` (lists, n) bool → scores (n,) or (lists, n)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, numbers: ContextNumbers, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.into = nn.Linear(len(mean), numbers.width)
        self.blocks = nn.ModuleList(Block(numbers) for _ in range(numbers.blocks))
        self.norm = nn.LayerNorm(numbers.width)
        self.out = nn.Linear(numbers.width, 1)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, features: Tensor, present: Tensor | None = None) -> Tensor:
        single = features.ndim == 2
        x = self.into((features - self.mean) / self.deviation)
        x = x.unsqueeze(0) if single else x
        for block in self.blocks:
            x = block(x, present)
        score: Tensor = self.out(self.norm(x)).squeeze(-1)
        return score.squeeze(0) if single else score


def build(model: str, mean: Tensor, deviation: Tensor) -> Ranker | ContextAwareRanker:
    numbers = MODELS[model]()
    if isinstance(numbers, ContextNumbers):
        return ContextAwareRanker(numbers, mean, deviation)
    return Ranker(numbers, mean, deviation)


def lambda_loss(scores: Tensor, gains: Tensor, present: Tensor, numbers: Numbers) -> Tensor:
    """Mean over queries of the weighted pairwise logistic loss, base 2.

    scores, gains, present: (queries, n); present is False for padding. A pair (i, j) with gain_i > gain_j is weighted by the change in NDCG
    if they were swapped: |G_i - G_j| · |1/D_i - 1/D_j| (LambdaRank), plus mu · |G_i - G_j| · |1/D_|i-j| - 1/D_|i-j|+1| (NDCG-Loss2; Wang et
    al. 2018, equations 17-20), where G is the gain divided by the ideal DCG, D_r = log2(1 + r), and ranks follow from the current scores.
    """
    n = scores.shape[1]
    low = torch.finfo(scores.dtype).min
    order = torch.argsort(scores.detach().masked_fill(~present, low), dim=1, descending=True, stable=True)
    s, g, p = (torch.gather(x, 1, order) for x in (scores, gains, present))
    discount = torch.log2(torch.arange(n, dtype=scores.dtype, device=scores.device) + 2.0)  # for ranks 1 … n
    ideal = (torch.sort(gains.masked_fill(~present, 0.0), dim=1, descending=True).values / discount).sum(1, keepdim=True).clamp(min=1e-6)
    gain = g / ideal
    gap = (gain.unsqueeze(2) - gain.unsqueeze(1)).abs()  # (q, n, n)
    weight = (1 / discount.unsqueeze(1) - 1 / discount.unsqueeze(0)).abs()
    if numbers.loss == "ndcg_loss2++":
        places = torch.arange(n, device=scores.device)
        apart = (places.unsqueeze(1) - places.unsqueeze(0)).abs().to(scores.dtype)
        loss2 = (1 / torch.log2(1 + apart.clamp(min=1)) - 1 / torch.log2(2 + apart)).abs()
        weight = weight + numbers.mu * loss2.masked_fill(apart == 0, 0.0)
    ordered = (g.unsqueeze(2) > g.unsqueeze(1)) & p.unsqueeze(2) & p.unsqueeze(1)
    pair = functional.softplus(-(s.unsqueeze(2) - s.unsqueeze(1))) / math.log(2.0)
    total: Tensor = torch.where(ordered, pair * weight * gap, 0.0).sum(dim=(1, 2))
    return total.mean()
