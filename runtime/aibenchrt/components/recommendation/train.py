"""Trains a recommender on the training period's likes, with sampled negatives: items that the user has not interacted with.

Implicit feedback and the pointwise log loss of He et al. 2017, section 2.1 and equation 7, with new negatives each epoch. The epoch is
chosen on validation likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from aibenchrt.components.recommendation.model import UNKNOWN, Ncf, build
from aibenchrt.datasets.rows import LIKED, Interactions
from aibenchrt.train.events import Epoch, Tell
from aibenchrt.train.measure import Measurement, mean_by_user
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import InteractionWorld

AT = 10
PROTOCOL = (
    "every like of the test period by a user with training likes is a trial: the rank of the item liked among all items but those that "
    "the user took in the training period and the user's other test likes; mean over trials, epoch chosen on validation likes"
)


@dataclass(frozen=True)
class Effort:
    """How long to train at one size. haste: factor of the model's learning rate. negatives: per like."""

    epochs: int
    haste: float = 1.0
    batch: int = 1024
    negatives: int = 4


EFFORTS = {"tiny": Effort(8, 10.0), "small": Effort(12), "full": Effort(40, 0.5)}
RATES = {"neumf": 5e-4, "gmf": 2e-3, "neumf_large": 5e-4}
PATIENCE = 4


@dataclass(frozen=True)
class Tables:
    """The users and items of the embedding tables: row k + 1 is for the id at index k, row 0 for all others.

    taken: (1 + users, 1 + items) bool, whether the user interacted with the item in the training period.
    """

    users: tuple[int, ...]
    items: tuple[int, ...]
    taken: NDArray[np.bool_]

    def rows(self, interactions: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        user_row = {user: row for row, user in enumerate(self.users, start=1)}
        item_row = {item: row for row, item in enumerate(self.items, start=1)}
        users = np.array([user_row.get(user, UNKNOWN) for user in interactions.user.tolist()], dtype=np.int64)
        return users, np.array([item_row.get(item, UNKNOWN) for item in interactions.item.tolist()], dtype=np.int64)


def train(world: InteractionWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs. Trains only on interactions before `validation_start`."""
    effort = EFFORTS[size]
    tables = _tables(world)
    liked_users, liked_items = tables.rows(_likes(world.interactions.of("train")))
    choosing = _trials(world, tables, "validation")
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, len(tables.users) + 1, len(tables.items) + 1).to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATES[model] * effort.haste, weight_decay=1e-5)
        best, best_gain, best_epoch = copy_of(network), -1.0, 0
        for epoch in range(1, effort.epochs + 1):
            _one_epoch(network, optimizer, liked_users, liked_items, tables.taken, effort, generator)
            gain = float(epoch)  # without validation likes, the last epoch counts as the best
            if len(choosing.user):
                ranks = _ranks(_scores(network, tables), tables, choosing)
                gain = float(np.mean(_gains(ranks)))
                tell(Epoch(epoch, "validation", f"hit_rate@{AT}", float(np.mean(ranks <= AT)), of=effort.epochs))
                tell(Epoch(epoch, "validation", f"ndcg@{AT}", gain, of=effort.epochs))
            if gain > best_gain:
                best, best_gain, best_epoch = copy_of(network), gain, epoch
            elif epoch - best_epoch >= PATIENCE:
                break
        network.load_state_dict(best)
        scores = _scores(network, tables)
    held_out = _trials(world, tables, "test")
    likes = np.bincount(liked_items, minlength=tables.taken.shape[1])
    orders = {
        name: np.tile(counts.astype(np.float32), (len(scores), 1))
        for name, counts in (("popularity", tables.taken.sum(axis=0)), ("popularity of likes", likes))
    }
    return Trained(
        graphs={
            "model": Graph(
                network.eval().cpu(),
                {"user": torch.from_numpy(held_out.user[:64]), "item": torch.from_numpy(held_out.item[:64])},
                ("logit",),
            )
        },
        serving={"users": list(tables.users), "items": list(tables.items)},
        protocol=PROTOCOL,
        metrics=_measure(scores, tables, held_out, seed),
        baselines={name: _measure(order, tables, held_out, seed) for name, order in orders.items()},
        gains={
            f"ndcg@{AT} over {name}": mean_by_user(
                _gains(_ranks(scores, tables, held_out)) - _gains(_ranks(order, tables, held_out)), held_out.ids.tolist(), seed
            )
            for name, order in orders.items()
        },
        epochs=best_epoch,
        only_for_comparison={
            "what": "He et al. 2017, section 4.1: leave the latest out, ranked among 99 drawn goods; flatters, and is no result of ours",
            f"hit_rate@{AT}": _among_99(scores, tables, held_out, seed),
            f"hit_rate@{AT} of popularity": _among_99(orders["popularity"], tables, held_out, seed),
        },
    )


def _likes(interactions: Interactions) -> Interactions:
    return interactions.where(interactions.rating >= LIKED)


def _tables(world: InteractionWorld) -> Tables:
    """The tables of the users and items that have training interactions."""
    training = world.interactions.of("train")
    users, items = (tuple(np.unique(ids).tolist()) for ids in (training.user, training.item))
    taken = np.zeros((len(users) + 1, len(items) + 1), dtype=np.bool_)
    tables = Tables(users, items, taken)
    taken[tables.rows(training)] = True
    return tables


def _one_epoch(
    network: Ncf,
    optimizer: torch.optim.Optimizer,
    liked_users: NDArray[np.int64],
    liked_items: NDArray[np.int64],
    taken: NDArray[np.bool_],
    effort: Effort,
    generator: torch.Generator,
) -> None:
    """Trains on each like once, with up to `negatives` sampled items that its user has not interacted with. Users are replaced by row 0 at
    random, so that it is trained too."""
    items = taken.shape[1]
    users = np.repeat(liked_users, effort.negatives)
    drawn = torch.randint(1, items, (len(users),), generator=generator).numpy()
    fresh = ~taken[users, drawn]
    user = torch.from_numpy(np.concatenate([liked_users, users[fresh]]))
    hidden = torch.rand(len(user), generator=generator) < network.user_dropout
    device = device_of(network)
    user = user.masked_fill(hidden, UNKNOWN).to(device)
    item = torch.from_numpy(np.concatenate([liked_items, drawn[fresh]])).to(device)
    label = torch.cat([torch.ones(len(liked_users)), torch.zeros(int(fresh.sum()))]).to(device)
    network.train()
    for batch in batches(len(user), effort.batch, generator):
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(network(user[batch], item[batch]), label[batch]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@dataclass(frozen=True)
class Trials:
    """Held-out likes to be ranked, one per trial, each (n,).

    user, item: rows of the tables. ids: the user's id. last: whether this is the user's last like in the period.
    """

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    ids: NDArray[np.int64]
    last: NDArray[np.bool_]


def _trials(world: InteractionWorld, tables: Tables, split: str) -> Trials:
    """The likes of a split whose user and item have a row in the tables, in chronological order."""
    likes = _likes(world.interactions.of(split))
    user, item = tables.rows(likes)
    kept = (user != UNKNOWN) & (item != UNKNOWN)
    user, item = user[kept], item[kept]
    last = np.zeros(len(user), dtype=np.bool_)
    last[[int(np.flatnonzero(user == row)[-1]) for row in np.unique(user)]] = True
    return Trials(user, item, likes.user[kept], last)


@torch.no_grad()
def _scores(network: Ncf, tables: Tables) -> NDArray[np.float32]:
    """The logit of every pair of table rows: (1 + users, 1 + items)."""
    network.eval()
    users, items = tables.taken.shape
    columns = torch.arange(items, device=device_of(network))
    return np.stack([network(torch.full_like(columns, row), columns).cpu().numpy() for row in range(users)])


def _ranks(scores: NDArray[np.float32], tables: Tables, trials: Trials) -> NDArray[np.int64]:
    """The rank (from 1) of each trial's item among the items that its user neither interacted with in training nor otherwise liked in the
    period; ties count against it."""
    ranks = np.zeros(len(trials.user), dtype=np.int64)
    for row in np.unique(trials.user):
        of_user = np.flatnonzero(trials.user == row)
        out = tables.taken[row].copy()
        out[UNKNOWN] = True
        out[trials.item[of_user]] = True  # leaves out the other likes; the item itself is compared with the rest
        rest = np.sort(scores[row][~out])
        ranks[of_user] = 1 + len(rest) - np.searchsorted(rest, scores[row][trials.item[of_user]], side="left")
    return ranks


def _gains(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """NDCG@10 with one relevant item: 1 / log2(1 + rank), or 0 if the rank is over 10."""
    return np.where(ranks <= AT, 1 / np.log2(1 + ranks), 0.0)


def _measure(scores: NDArray[np.float32], tables: Tables, trials: Trials, seed: int) -> dict[str, Measurement]:
    ranks = _ranks(scores, tables, trials)
    users = trials.ids.tolist()
    return {f"hit_rate@{AT}": mean_by_user((ranks <= AT) * 1.0, users, seed), f"ndcg@{AT}": mean_by_user(_gains(ranks), users, seed)}


def _among_99(scores: NDArray[np.float32], tables: Tables, trials: Trials, seed: int) -> float:
    """Hit rate among 99 drawn goods, or among all others where there are fewer."""
    rng = np.random.default_rng(seed)
    hits = []
    for row, item in zip(trials.user[trials.last], trials.item[trials.last], strict=True):
        free = np.flatnonzero(~tables.taken[row])
        others = free[(free != UNKNOWN) & (free != item)]
        drawn = rng.choice(others, min(99, len(others)), replace=False)
        hits.append(int((scores[row][drawn] >= scores[row][item]).sum()) < AT)
    return round(float(np.mean(hits)), 6)
