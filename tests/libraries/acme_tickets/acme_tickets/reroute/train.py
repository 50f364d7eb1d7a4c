"""Trains one linear layer on the tickets that reached it, with the queues that the desk gave them in the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from aibenchrt.train.events import Epoch, Tell
from aibenchrt.train.measure import paired, share
from aibenchrt.train.samples import Sample, Samples
from aibenchrt.train.trained import Graph, Trained, predict, reproducible
from torch import Tensor, nn
from torch.nn import functional

from acme_tickets.reroute.features import scores

EPOCHS = {"tiny": 100, "small": 300, "full": 300}


def train(samples: Samples, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:  # noqa: ARG001 - one small model
    (x, labels), (test_x, truth) = _tensors(samples.training), _tensors(samples.held_out)
    with reproducible(seed, threads=1):
        network = nn.Linear(x.shape[1], x.shape[1])
        optimizer = torch.optim.Adam(network.parameters(), lr=5e-2)
        for epoch in range(1, EPOCHS[size] + 1):
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(x), labels)
            loss.backward()
            optimizer.step()
            tell(Epoch(epoch, "training", "loss", float(loss.detach()), of=EPOCHS[size]))
    hits = (predict(network, test_x).argmax(dim=1) == truth).numpy()
    came = (test_x.argmax(dim=1) == truth).numpy()
    return Trained(
        graphs={"model": Graph(network.eval(), {"scores": test_x[:64]}, ("logits",))},
        serving={},
        protocol="share of held-out tickets whose most probable queue is the true one",
        metrics={"accuracy": share(hits)},
        baselines={"as it came": {"accuracy": share(came)}},
        gains={"accuracy over as it came": paired(hits, came)},
        epochs=EPOCHS[size],
        only_for_comparison={"tickets in training": len(samples.training)},
    )


def _tensors(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """scores (tickets, queues) and labels (tickets,)."""
    x = np.stack([scores(sample.inputs["queue"]) for sample in samples])
    return torch.from_numpy(x), torch.tensor([sample.truth["label"] for sample in samples])
