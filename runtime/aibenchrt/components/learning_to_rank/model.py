"""Rankers trained with a lambda loss: a score per item from the path's own features.

mlp_lambda: Wang, Li, Golbandi, Bendersky, Najork 2018, The LambdaLoss Framework for Ranking Metric Optimization (CIKM): NDCG-Loss2++
on a multi-layer perceptron. linear_lambda: Burges 2010, From RankNet to LambdaRank to LambdaMART (MSR-TR-2010-82), section 4, on a
linear scorer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class RankerNumbers:
    """hidden: widths of the hidden layers, () for a linear scorer. loss: 'lambdarank' or 'ndcg_loss2++'; mu weighs NDCG-Loss2 in it."""

    hidden: tuple[int, ...]
    loss: str
    dropout: float = 0.0
    mu: float = 10.0


def mlp_lambda() -> RankerNumbers:
    return RankerNumbers(hidden=(32, 16), loss="ndcg_loss2++", dropout=0.1)


def linear_lambda() -> RankerNumbers:
    return RankerNumbers(hidden=(), loss="lambdarank")


MODELS = {"mlp_lambda": mlp_lambda, "linear_lambda": linear_lambda}


class Ranker(nn.Module):
    """features (n, features) float32 → score (n,). Standardises its features by the training data's mean and deviation, kept as buffers."""

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

    def forward(self, features: Tensor) -> Tensor:
        x = (features - self.mean) / self.deviation
        for layer in self.hidden:
            x = self.dropout(functional.relu(layer(x)))
        score: Tensor = self.out(x).squeeze(-1)
        return score


def build(model: str, mean: Tensor, deviation: Tensor) -> Ranker:
    return Ranker(MODELS[model](), mean, deviation)


def lambda_loss(scores: Tensor, gains: Tensor, present: Tensor, numbers: RankerNumbers) -> Tensor:
    """Mean over queries of the weighted pairwise logistic loss, base 2.

    scores, gains, present: (queries, n); present False is padding. A pair (i, j) with gain_i > gain_j is weighed by the NDCG change of
    a swap: |G_i - G_j| · |1/D_i - 1/D_j| (LambdaRank), plus mu · |G_i - G_j| · |1/D_|i-j| - 1/D_|i-j|+1| (NDCG-Loss2; Wang et al. 2018,
    equations 17-20), where G is the gain over the ideal DCG, D_r = log2(1 + r) and ranks are those of the present scores.
    """
    n = scores.shape[1]
    low = torch.finfo(scores.dtype).min
    order = torch.argsort(scores.detach().masked_fill(~present, low), dim=1, descending=True, stable=True)
    s, g, p = (torch.gather(x, 1, order) for x in (scores, gains, present))
    discount = torch.log2(torch.arange(n, dtype=scores.dtype, device=scores.device) + 2.0)  # of ranks 1 … n
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
