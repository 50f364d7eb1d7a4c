"""Trains a text classifier on the queries before `rank_start`; the epoch is chosen on the validation queries.

The queries of the last part of the training period (`rank`) are left out, so that a ranker that trains on them sees predictions of the
same quality as in serving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.text_classification.features import bag_matrix, word_matrix
from aibenchrt.components.text_classification.model import MODELS, BertNumbers, FasttextNumbers, build, hash_buckets
from aibenchrt.datasets.rows import Query
from aibenchrt.train.events import Epoch, Tell
from aibenchrt.train.measure import mean_by_user, share
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, label_shares, predict, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import SearchedWorld

PROTOCOL = "share of test-period queries, as typed, whose most probable label is the category asked for; epoch chosen on validation queries"


@dataclass(frozen=True)
class Effort:
    epochs: int
    rate: float
    batch: int = 256


EFFORTS = {"tiny": Effort(4, 1e-2), "small": Effort(6, 1e-2), "full": Effort(20, 3e-3)}
DEEP_RATE = 1e-4  # for BERT (Devlin et al. 2019, appendix A.2), which diverges at the rates of the shallow models


def train(world: SearchedWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs. Trains on both forms of a query: as typed and as meant (which spelling correction aims at)."""
    effort, labels = EFFORTS[size], len(world.categories)
    known, choosing, held_out = (world.queries_of(*part) for part in (("train", "fit"), ("validation",), ("test",)))
    texts = [q.text for q in known] + [q.clean for q in known]
    text_labels = torch.tensor([q.label for q in known] * 2)
    ids, choosing_ids, test_ids = (_ids(model, t) for t in (texts, [q.text for q in choosing], [q.text for q in held_out]))
    choosing_labels = torch.tensor([q.label for q in choosing])
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, labels).to(device)
        known_ids, known_labels = ids.to(device), text_labels.to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=DEEP_RATE if isinstance(MODELS[model](), BertNumbers) else effort.rate)
        best, best_loss, best_epoch = copy_of(network), float("inf"), 0
        for epoch in range(1, effort.epochs + 1):
            network.train()
            for rows in batches(len(ids), effort.batch, generator):
                optimizer.zero_grad()
                functional.cross_entropy(network(known_ids[rows]), known_labels[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            logits = predict(network, choosing_ids)
            loss = float(functional.cross_entropy(logits, choosing_labels))
            right = float((logits.argmax(dim=1) == choosing_labels).float().mean())
            tell(Epoch(epoch, "validation", "loss", loss, of=effort.epochs))
            tell(Epoch(epoch, "validation", "accuracy", right, of=effort.epochs))
            if loss < best_loss:
                best, best_loss, best_epoch = copy_of(network), loss, epoch
        network.load_state_dict(best)
    truth = np.array([q.label for q in held_out])
    hits = _hits(network, test_ids, truth)
    simple = {"majority": _majority(known, truth), "tf-idf + linear": _tfidf(texts, text_labels, held_out, truth, seed)}
    return Trained(
        graphs={"model": Graph(network.eval().cpu(), {"ids": test_ids[:64]}, ("logits",), lengths={"ids": (1,)} if _bag(model) else {})},
        serving={**_serving(model), "prior": label_shares([q.label for q in known], labels)},
        protocol=PROTOCOL,
        metrics={"accuracy": share(hits)},
        baselines={name: {"accuracy": share(right_of)} for name, right_of in simple.items()},
        gains={
            f"accuracy over {name}": mean_by_user(hits * 1.0 - right_of, [q.user_id for q in held_out], seed)
            for name, right_of in simple.items()
        },
        epochs=best_epoch,
        only_for_comparison={
            "accuracy on the queries as meant, without misspellings": share(_hits(network, _ids(model, [q.clean for q in held_out]), truth))
        },
    )


def _bag(model: str) -> bool:
    """Whether the model takes a bag of ids, of any length."""
    return isinstance(MODELS[model](), FasttextNumbers)


def _ids(model: str, texts: list[str]) -> Tensor:
    numbers = MODELS[model]()
    if isinstance(numbers, FasttextNumbers):
        return torch.from_numpy(bag_matrix(texts, numbers.buckets))
    return torch.from_numpy(word_matrix(texts, hash_buckets(numbers), numbers.words, numbers.subwords))


def _serving(model: str) -> dict[str, int]:
    numbers = MODELS[model]()
    shape = {} if isinstance(numbers, FasttextNumbers) else {"words": numbers.words, "subwords": numbers.subwords}
    return {"buckets": hash_buckets(numbers)} | shape


def _hits(network: nn.Module, ids: Tensor, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = predict(network, ids).argmax(dim=1).numpy() == truth
    return hits


def _majority(known: Sequence[Query], truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = truth == np.bincount([q.label for q in known]).argmax()
    return hits


def _tfidf(texts: list[str], labels: Tensor, held_out: Sequence[Query], truth: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """The baseline of tf-idf over words and word bigrams with logistic regression, trained on the same texts."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    linear = LogisticRegression(C=10.0, max_iter=200, random_state=seed).fit(vectorizer.fit_transform(texts), labels.numpy())
    hits: NDArray[np.bool_] = linear.predict(vectorizer.transform([q.text for q in held_out])) == truth
    return hits
