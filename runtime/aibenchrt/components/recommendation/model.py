"""Neural collaborative filtering: He, Liao, Zhang, Nie, Hu, Chua 2017 (WWW).

neumf: section 3.4, equation 12: generalised matrix factorisation and a multi-layer perceptron side by side, each with its own
embeddings.
neumf_large: the same at the size of MLPerf Training's first recommendation benchmark (v0.5: 64 factors, a tower of 256, 256, 128, 64);
31,832,577 parameters with MovieLens-20M's 138,493 users and 26,744 items (Xu et al. 2021, GRACE, ICDCS, table II).
gmf: section 3.2: the element-wise product of user and item embedding, weighted by a linear layer.

Row 0 of the user table is the unknown user (a user without training interactions), row 0 of the item table the unknown item. Training
replaces users by the unknown user at random (`user_dropout`), so that its row learns what is generally liked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

UNKNOWN = 0


@dataclass(frozen=True)
class NcfNumbers:
    """factors: predictive factors of the GMF part. tower: layer widths of the MLP part, () for none; the first is twice an embedding's."""

    factors: int
    tower: tuple[int, ...]
    user_dropout: float = 0.2


def neumf() -> NcfNumbers:
    return NcfNumbers(factors=16, tower=(64, 32, 16))


def gmf() -> NcfNumbers:
    return NcfNumbers(factors=16, tower=())


def neumf_large() -> NcfNumbers:
    return NcfNumbers(factors=64, tower=(256, 256, 128, 64))


MODELS = {"neumf": neumf, "gmf": gmf, "neumf_large": neumf_large}


def build(model: str, users: int, items: int) -> Ncf:
    return Ncf(MODELS[model](), users, items)


class Ncf(nn.Module):
    """user (batch,), item (batch,) int64 table rows → logits (batch,): how likely the user is to like the item.

    users, items: number of rows of the tables, including the unknown user or item.
    """

    def __init__(self, numbers: NcfNumbers, users: int, items: int) -> None:
        super().__init__()
        self.user_dropout = numbers.user_dropout
        self.user_factors = nn.Embedding(users, numbers.factors)
        self.item_factors = nn.Embedding(items, numbers.factors)
        embeddings = [self.user_factors, self.item_factors]
        last = 0
        if numbers.tower:
            width = numbers.tower[0] // 2
            self.user_embedding = nn.Embedding(users, width)
            self.item_embedding = nn.Embedding(items, width)
            embeddings += [self.user_embedding, self.item_embedding]
            self.tower = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(numbers.tower))
            last = numbers.tower[-1]
        self.has_tower = bool(numbers.tower)
        self.out = nn.Linear(numbers.factors + last, 1)
        for embedding in embeddings:
            nn.init.normal_(embedding.weight, std=0.05)
        nn.init.constant_(self.out.weight, 0.3)  # a product of two small embeddings needs an initial gradient in one direction
        nn.init.zeros_(self.out.bias)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        x = self.user_factors(user) * self.item_factors(item)  # (b, factors), equation 9
        if self.has_tower:
            y = torch.cat([self.user_embedding(user), self.item_embedding(item)], dim=1)  # (b, tower[0])
            for layer in self.tower:
                y = functional.relu(layer(y))  # equation 10
            x = torch.cat([x, y], dim=1)  # equation 12
        logit: Tensor = self.out(x).squeeze(1)
        return logit
