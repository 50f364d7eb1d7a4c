"""Trains a ranker on what the path itself produced: the samples that aibenchrt.train.path_samples collects.

training: requests of the last part of the training period (`rank`), labelled by what their users liked in it. Popularity, tiers, histories,
weights and the recommender end at its start, so that no feature contains its label. choosing: validation requests, which choose the epoch.
seen, held_out: test requests, used for measurement only. For all but `training`, everything ends at `validation_start`, as in serving.
The figures of `seen` were known while the settings below were chosen; those of `held_out` were not, so they are the model's metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np
import torch
from ir_measures import nDCG
from numpy.typing import NDArray
from torch import Tensor

from aibenchrt.components.learning_to_rank.features import FEATURES, features
from aibenchrt.components.learning_to_rank.model import MODELS, ContextAwareRanker, Ranker, build, lambda_loss
from aibenchrt.train.events import Epoch, Tell
from aibenchrt.train.measure import Measurement, mean_by_user
from aibenchrt.train.samples import Sample, Samples
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, reproducible

METRIC = "ndcg@10"
PROTOCOL = (
    "NDCG@10 of the order given to the candidates that reached the ranker, against all that the user liked in the test period and "
    "asked for (also what search did not find), mean over test requests; epoch chosen on validation requests, settings on neither"
)
SEEN = "test requests whose figures were in view when the settings were chosen: optimistic, and not part of the metrics"


@dataclass(frozen=True)
class Effort:
    epochs: int
    rate: float = 1e-3  # README.md says how it was chosen
    batch: int = 64


EFFORTS = {"tiny": Effort(5, 1e-2), "small": Effort(20), "full": Effort(60)}
PATIENCE = 5
Order = Callable[[Sample], NDArray[np.float32]]


def train(samples: Samples, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs. ValueError: no training request found anything that its user liked."""
    effort = EFFORTS[size]
    x, gains, present = _padded([s for s in samples.training if _has_truth(s)])
    rows = x[present]
    if not len(rows):
        raise ValueError("no training request returned anything that its user liked, so no order can be learned")
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, rows.mean(dim=0), rows.std(dim=0).clamp(min=1e-3)).to(device)
        x, gains, present = x.to(device), gains.to(device), present.to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=effort.rate, weight_decay=1e-4)
        best, best_gain, best_epoch = copy_of(network), -1.0, 0
        for epoch in range(1, effort.epochs + 1):
            network.train()
            for batch in batches(len(x), effort.batch, generator):
                optimizer.zero_grad()
                lambda_loss(network(x[batch], present[batch]), gains[batch], present[batch], MODELS[model]()).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            gain = float(_gains(samples.choosing, _by(network)).mean())
            tell(Epoch(epoch, "validation", METRIC, gain, of=effort.epochs))
            if gain > best_gain:
                best, best_gain, best_epoch = copy_of(network), gain, epoch
            elif epoch - best_epoch >= PATIENCE:
                break
        network.load_state_dict(best)
    network.eval().cpu()
    orders = {f"{field.split('_')[0]} order": _field(field) for field in ("search_score", "recommend_score", "popularity")}
    example = next(s for s in samples.held_out if len(s.inputs["items"]["item_id"]) > 1)
    return Trained(
        graphs={"model": Graph(network, {"features": torch.from_numpy(features(example.inputs))}, ("score",))},
        serving={"features": [name for name, _ in FEATURES]},
        protocol=PROTOCOL,
        metrics={METRIC: _measure(samples.held_out, _by(network), seed)},
        baselines={name: {METRIC: _measure(samples.held_out, order, seed)} for name, order in orders.items()},
        gains={f"{METRIC} over {name}": _paired(samples.held_out, _by(network), order, seed) for name, order in orders.items()},
        epochs=best_epoch,
        only_for_comparison=_on_seen(samples.seen, _by(network), orders["search order"], seed) if samples.seen else {},
    )


def _on_seen(seen: Sequence[Sample], order: Order, search: Order, seed: int) -> dict[str, str | Measurement]:
    return {"what": SEEN, METRIC: _measure(seen, order, seed), f"{METRIC} over search order": _paired(seen, order, search, seed)}


def _relevant(sample: Sample) -> tuple[int, ...]:
    """The ids of the items that the sample's user liked, ascending."""
    relevant: tuple[int, ...] = sample.truth.get("relevant", ())
    return relevant


def _has_truth(sample: Sample) -> bool:
    return not set(_relevant(sample)).isdisjoint(sample.inputs["items"]["item_id"])


def _padded(samples: Sequence[Sample]) -> tuple[Tensor, Tensor, Tensor]:
    """features (q, n, features), gains (q, n) and presence (q, n), where n is the length of the longest list."""
    longest = max((len(s.inputs["items"]["item_id"]) for s in samples), default=0)
    x = torch.zeros(len(samples), longest, len(FEATURES))
    gains, present = torch.zeros(len(samples), longest), torch.zeros(len(samples), longest, dtype=torch.bool)
    for row, sample in enumerate(samples):
        ids, relevant = sample.inputs["items"]["item_id"], _relevant(sample)
        x[row, : len(ids)] = torch.from_numpy(features(sample.inputs))
        gains[row, : len(ids)] = torch.tensor([float(item in relevant) for item in ids])
        present[row, : len(ids)] = True
    return x, gains, present


def _by(network: Ranker | ContextAwareRanker) -> Order:
    @torch.no_grad()
    def scores(sample: Sample) -> NDArray[np.float32]:
        predicted: NDArray[np.float32] = network(torch.from_numpy(features(sample.inputs)).to(device_of(network))).cpu().numpy()
        return predicted

    network.eval()
    return scores


def _field(name: str) -> Order:
    return lambda sample: np.asarray(sample.inputs["items"][name], dtype=np.float32)


def _gains(samples: Sequence[Sample], order: Order) -> NDArray[np.float64]:
    """NDCG@10 of each sample, 0 if nothing was found. Ties keep the order of the input, as in serve.py."""
    qrels, run = {}, {}
    for number, sample in enumerate(samples):
        ids = sample.inputs["items"]["item_id"]
        best_first = np.argsort(-order(sample), kind="stable")
        qrels[str(number)] = {str(item): 1 for item in _relevant(sample)}
        run[str(number)] = {str(ids[k]): float(len(ids) - place) for place, k in enumerate(best_first.tolist())}
    gains = np.zeros(len(samples))
    for metric in ir_measures.iter_calc([nDCG @ 10], qrels, run):
        gains[int(metric.query_id)] = metric.value
    return gains


def _measure(samples: Sequence[Sample], order: Order, seed: int) -> Measurement:
    return mean_by_user(_gains(samples, order), [s.user_id for s in samples], seed)


def _paired(samples: Sequence[Sample], order: Order, other: Order, seed: int) -> Measurement:
    return mean_by_user(_gains(samples, order) - _gains(samples, other), [s.user_id for s in samples], seed)
