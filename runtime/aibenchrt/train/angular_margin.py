"""The loss of ArcFace: Deng, Guo, Xue, Zafeiriou 2019, ArcFace: Additive Angular Margin Loss for Deep Face Recognition (CVPR), equation 3.

A vector's angle to its own person's centre is made larger by a margin before the softmax, so that it has to be nearer to it than to all
other centres by that much.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class AngularMargin(nn.Module):
    """(b, width) vectors of unit length, (b,) persons from 0 → the loss. scale: of cosines as logits; margin: in radians.

    Where an angle and the margin are more than half a turn, the cosine would rise again; there it falls on in a straight line, as in the
    authors' code.
    """

    def __init__(self, width: int, persons: int, scale: float, margin: float) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.empty(persons, width))
        nn.init.normal_(self.centres)
        self.scale, self.margin = scale, margin

    def forward(self, vectors: Tensor, persons: Tensor) -> Tensor:
        cosines = vectors @ functional.normalize(self.centres, dim=1).T
        own = cosines.gather(1, persons[:, None])
        sines = (1 - own.square()).clamp(min=1e-9).sqrt()
        further = own * math.cos(self.margin) - sines * math.sin(self.margin)
        turned = own > -math.cos(self.margin)  # the angle is at most π - margin
        moved = torch.where(turned, further, own - self.margin * math.sin(self.margin))
        return functional.cross_entropy(self.scale * cosines.scatter(1, persons[:, None], moved), persons)
