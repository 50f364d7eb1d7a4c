"""Trains the classifier: the mean of a ticket's word embeddings, then one linear layer. The epoch is chosen on the validation tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from aibenchrt.train.events import Epoch, Tell
from aibenchrt.train.measure import paired, share
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, label_shares, predict, reproducible
from torch import Tensor, nn
from torch.nn import functional

from acme_tickets.tidy.service import words
from acme_tickets.triage.features import BUCKETS, matrix

if TYPE_CHECKING:
    from acme_tickets.needs import TicketWorld

EPOCHS = {"tiny": 4, "small": 10, "full": 20}
WIDTH = 32


class Hashed(nn.Module):
    def __init__(self, labels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(BUCKETS, WIDTH, padding_idx=0)
        self.linear = nn.Linear(WIDTH, labels)

    def forward(self, ids: Tensor) -> Tensor:
        """ids: (batch, words) → logits (batch, labels)."""
        present = (ids != 0).unsqueeze(-1).to(torch.float32)
        mean = (self.embedding(ids) * present).sum(dim=1) / present.sum(dim=1).clamp(min=1.0)
        logits: Tensor = self.linear(mean)
        return logits


def train(world: TicketWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:  # noqa: ARG001 - it has one model
    known, choosing, held_out = (world.tickets_of(split) for split in ("train", "validation", "test"))
    ids, choosing_ids, test_ids = (torch.from_numpy(matrix([words(t.text) for t in part])) for part in (known, choosing, held_out))
    labels, choosing_labels = (torch.tensor([t.queue for t in part]) for part in (known, choosing))
    with reproducible(seed, threads=1, device=device) as generator:
        network = Hashed(len(world.queues)).to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        best, best_loss, best_epoch = copy_of(network), float("inf"), 0
        for epoch in range(1, EPOCHS[size] + 1):
            network.train()
            for rows in batches(len(ids), 128, generator):
                optimizer.zero_grad()
                functional.cross_entropy(network(ids[rows].to(device)), labels[rows].to(device)).backward()
                optimizer.step()
            logits = predict(network, choosing_ids)
            loss = float(functional.cross_entropy(logits, choosing_labels))
            tell(Epoch(epoch, "validation", "loss", loss, of=EPOCHS[size]))
            tell(Epoch(epoch, "validation", "accuracy", float((logits.argmax(1) == choosing_labels).float().mean()), of=EPOCHS[size]))
            if loss < best_loss:
                best, best_loss, best_epoch = copy_of(network), loss, epoch
        network.load_state_dict(best)
    truth = np.array([t.queue for t in held_out])
    hits = predict(network, test_ids).argmax(dim=1).numpy() == truth
    majority = truth == np.bincount([t.queue for t in known]).argmax()
    return Trained(
        graphs={"model": Graph(network.eval().cpu(), {"ids": test_ids[:64]}, ("logits",), lengths={"ids": (1,)})},
        serving={"prior": label_shares([t.queue for t in known], len(world.queues))},
        protocol="share of held-out tickets whose most probable queue is the true one; epoch chosen on validation tickets",
        metrics={"accuracy": share(hits)},
        baselines={"majority": {"accuracy": share(majority)}},
        gains={"accuracy over majority": paired(hits, majority)},
        epochs=best_epoch,
    )
