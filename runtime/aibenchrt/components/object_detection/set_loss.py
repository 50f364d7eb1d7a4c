"""The loss of a set of boxes: each true box is given the answer that fits it best (Carion et al. 2020, DETR, section 3.1).

Scores are learnt by the varifocal loss, as RT-DETR does (Zhang et al. 2021): an answer's score should be its overlap with its true box.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

SCORE, FRAME, OVERLAP = 1.0, 5.0, 2.0  # weights of the losses; in matching the score counts twice


def set_loss(logits: Tensor, boxes: Tensor, corners: Tensor, labels: Tensor) -> Tensor:
    """The loss per true box. logits: (b, q, labels). boxes: (b, q, 4), middle and size. corners: (b, most, 4); labels: (b, most), −1 where
    there is none. All in [0, 1] of the picture."""
    found = corners_of(boxes)
    wanted, frame = torch.zeros_like(logits), boxes.new_zeros(())
    for photo in range(len(labels)):
        rows = torch.nonzero(labels[photo] >= 0)[:, 0]
        if not len(rows):
            continue
        true, noun = corners[photo, rows], labels[photo, rows]
        overlaps = generalised_overlap(found[photo][:, None], true[None])  # (q, rows, 2)
        answer, place = matched(logits[photo], boxes[photo], middles_of(true), noun, overlaps[..., 1])
        wanted[photo, answer, noun[place]] = overlaps[answer, place, 0].detach().clamp(min=0)
        far = (boxes[photo, answer] - middles_of(true)[place]).abs().sum()
        frame = frame + FRAME * far + OVERLAP * (1 - overlaps[answer, place, 1]).sum()
    scores = logits.sigmoid().detach()
    weight = torch.where(wanted > 0, wanted, 0.75 * scores**2)
    score = functional.binary_cross_entropy_with_logits(logits, wanted, weight, reduction="sum")
    return (SCORE * score + frame) / (labels >= 0).sum().clamp(min=1)


@torch.no_grad()
def matched(logits: Tensor, boxes: Tensor, true: Tensor, noun: Tensor, overlaps: Tensor) -> tuple[Tensor, Tensor]:
    """Answers and the true boxes that they are given, as rows. The cheapest assignment by focal cost, L1 and generalised overlap."""
    scores = logits.sigmoid()[:, noun]
    right, wrong = 0.25 * (1 - scores) ** 2 * -(scores + 1e-8).log(), 0.75 * scores**2 * -(1 - scores + 1e-8).log()
    cost = 2 * SCORE * (right - wrong) + FRAME * torch.cdist(boxes, true, 1) - OVERLAP * overlaps
    answer, place = linear_sum_assignment(cost.cpu().numpy())
    return torch.as_tensor(answer, device=boxes.device), torch.as_tensor(place, device=boxes.device)


def corners_of(boxes: Tensor) -> Tensor:
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def middles_of(corners: Tensor) -> Tensor:
    return torch.cat([(corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]], -1)


def generalised_overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union, and the same less the part of the common frame that is empty (Rezatofighi et al. 2019): (…, 2)."""
    shared = (torch.minimum(boxes[..., 2:], others[..., 2:]) - torch.maximum(boxes[..., :2], others[..., :2])).clamp(min=0).prod(-1)
    around = (torch.maximum(boxes[..., 2:], others[..., 2:]) - torch.minimum(boxes[..., :2], others[..., :2])).clamp(min=0).prod(-1)
    union = sum((part[..., 2:] - part[..., :2]).prod(-1) for part in (boxes, others)) - shared
    overlap = shared / union.clamp(min=1e-9)
    return torch.stack([overlap, overlap - (around - union) / around.clamp(min=1e-9)], -1)
