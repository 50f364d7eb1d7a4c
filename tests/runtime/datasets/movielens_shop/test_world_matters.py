"""The world is composed so that every component of the search path matters, shown on held-out requests without any of our models."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from aibenchrt.datasets.interactions.misspell import tokens
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.datasets.rows import LIKED, Query
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

Scores = NDArray[np.float64]
DISCOUNT = [1 / math.log2(place + 1) for place in range(1, 11)]


@pytest.fixture(scope="module", params=WORLDS.variants)
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS.load(request.param)


class Goods:
    """All goods as arrays by item id, and what users liked in training."""

    def __init__(self, world: World) -> None:
        size = max(world.item) + 1
        self.category = np.full(size, -1)
        self.popularity = np.zeros(size)
        for item in world.items:
            self.category[item.item_id] = item.category
            self.popularity[item.item_id] = item.popularity
        training = world.interactions.of("train")
        self.met = np.zeros((max(world.user) + 1, size), dtype=bool)
        self.met[training.user, training.item] = True
        likes = np.zeros(self.met.shape)
        likes[training.user, training.item] = training.rating >= LIKED
        left, value, right = svds(likes, k=16, random_state=np.random.default_rng(0))
        self.personal = (left * value) @ right
        self.with_word: dict[str, NDArray[np.bool_]] = {}
        for item in world.items:
            for word in set(tokens(item.text)):
                self.with_word.setdefault(word, np.zeros(size, dtype=bool))[item.item_id] = True
        self.of_category = {label: np.flatnonzero(self.category == label) for label in range(len(world.categories))}

    def ndcg(self, query: Query, score: Scores, label: int) -> float:
        """NDCG@10 of the category's goods in order of score; goods met in training are not shown."""
        goods = self.of_category[label]
        goods = goods[~self.met[query.user_id, goods]]
        shown = goods[np.argsort(-score[goods], kind="stable")[:10]].tolist()
        gained = sum(gain for item, gain in zip(shown, DISCOUNT, strict=False) if item in query.truth)
        return gained / sum(DISCOUNT[: len(query.truth)])


def by_user(queries: list[Query], better: list[float], worse: list[float]) -> tuple[float, float]:
    """95 % interval of the mean difference, users resampled (requests of one user depend on each other)."""
    users = sorted({q.user_id for q in queries})
    row = {user: k for k, user in enumerate(users)}
    total, count = np.zeros(len(users)), np.zeros(len(users))
    for query, gain, loss in zip(queries, better, worse, strict=True):
        total[row[query.user_id]] += gain - loss
        count[row[query.user_id]] += 1
    drawn = np.random.default_rng(11).integers(len(users), size=(2000, len(users)))
    low, high = np.percentile(total[drawn].sum(1) / count[drawn].sum(1), [2.5, 97.5])
    return float(low), float(high)


def test_category_user_and_attribute_each_raise_quality(world: World) -> None:
    goods = Goods(world)
    queries = list(world.queries_of("test"))
    rng = np.random.default_rng(5)

    def quality(score: Callable[[Query], Scores], label: Callable[[Query], int], asked: list[Query]) -> list[float]:
        return [goods.ndcg(query, score(query), label(query)) for query in asked]

    popular = quality(lambda _: goods.popularity, lambda q: q.label, queries)
    lost = quality(lambda _: goods.popularity, lambda _: int(rng.integers(10)), queries)
    shuffled = quality(lambda _: rng.random(len(goods.category)), lambda q: q.label, queries)
    assert np.mean(popular) > 5 * np.mean(lost)  # the category decides where to look
    assert by_user(queries, popular, shuffled)[0] > 0  # popularity is a baseline worth beating

    returning = [query for query in queries if world.user[query.user_id].history]
    personal = quality(lambda q: goods.personal[q.user_id] + 1e-3 * goods.popularity, lambda q: q.label, returning)
    usual = quality(lambda _: goods.popularity, lambda q: q.label, returning)
    assert by_user(returning, personal, usual)[0] > 0  # knowing the user helps

    wanting = [query for query in queries if query.attribute]
    matched = quality(lambda q: goods.popularity + 10 * match(goods, q), lambda q: q.label, wanting)
    blind = quality(lambda _: goods.popularity, lambda q: q.label, wanting)
    assert by_user(wanting, matched, blind)[0] > 0.1  # so does reading the query's attribute


def match(goods: Goods, query: Query) -> Scores:
    """How many of the attribute's words stand in each item's indexed text."""
    there = [goods.with_word[word] for word in set(tokens(query.attribute.partition(":")[2])) if word in goods.with_word]
    return np.sum([np.zeros(len(goods.category)), *there], axis=0)


def test_subwords_beat_words_and_words_beat_the_majority(world: World) -> None:
    train, test = world.queries_of("train"), world.queries_of("test")
    labels = [query.label for query in train]

    def accuracy(vectors: TfidfVectorizer) -> float:
        model = LinearSVC(C=0.5, random_state=0).fit(vectors.fit_transform([q.text for q in train]), labels)
        return float(model.score(vectors.transform([q.text for q in test]), [q.label for q in test]))

    most = Counter(labels).most_common(1)[0][0]
    majority = float(np.mean([query.label == most for query in test]))
    by_words = accuracy(TfidfVectorizer(sublinear_tf=True))
    by_subwords = accuracy(TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(3, 5)))
    assert majority + 0.3 < by_words < 0.9
    assert by_words + 0.05 < by_subwords < 0.97
