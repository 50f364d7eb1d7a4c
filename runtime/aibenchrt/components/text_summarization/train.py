"""Trains a summarizer on articles and their one-line summaries; epoch and threshold are chosen on the validation articles.

A tagger learns which words of a text are in a longest common subsequence with its summary (the alignment that ROUGE-L uses).
"""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from aibenchrt.components.text_summarization.features import LONGEST, ids, kept_words, lowered, split
from aibenchrt.components.text_summarization.model import (
    MODELS,
    START,
    STOP,
    UNKNOWN,
    PointerGenerator,
    PointerNumbers,
    Tagger,
    TaggerNumbers,
    build,
)
from aibenchrt.components.text_summarization.serve import ENCODED, WRITTEN, lead, shortened, written
from aibenchrt.metrics import score_each
from aibenchrt.train.events import Epoch, Tell
from aibenchrt.train.measure import Measurement, mean_by_user
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Article, ArticleWorld

METRIC = "rouge_l"
PROTOCOL = (
    "ROUGE-L F1 (rouge-score) of the snippet of each held-out article against its one-line summary, mean over articles; epoch, threshold "
    "and the lead's number of words chosen on validation articles"
)
THRESHOLDS = (-1.8, -1.4, -1.1, -0.8, -0.5, -0.2, 0.1)  # candidate thresholds for a logit
LEADS = (6, 8, 10, 12, 14, 16)
POOL = 20  # number of batches whose texts are sorted by length together
SPECIAL = ("<padding>", "<unknown>", "<start>", "<stop>")


@dataclass(frozen=True)
class Effort:
    """How long to train at one size. most: the most training articles."""

    epochs: int
    most: int
    rate: float
    batch: int = 64


EFFORTS = {"tiny": Effort(2, 1600, 6e-3), "small": Effort(4, 24_000, 4e-3, 96), "full": Effort(8, 1_000_000, 4e-3, 96)}
# See et al. 2017, section 5: Adagrad, rate 0.15, accumulator 0.1, gradients clipped at 2, batches of 16; coverage only in the last phase.
POINTER_EFFORTS = {"tiny": Effort(1, 32, 0.15, 8), "small": Effort(1, 4000, 0.15, 16), "full": Effort(12, 1_000_000, 0.15, 16)}
CLIP, ACCUMULATED = 2.0, 0.1
FOLLOWED = {"tiny": 2, "small": 20, "full": 50}  # the first validation articles that a pointer-generator summarises after an epoch

Summarize = Callable[[Sequence[str]], list[str]]


def train(world: ArticleWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and in the number of training articles."""
    learn = _train_tagger if isinstance(MODELS[model](), TaggerNumbers) else _train_pointer
    return learn(world, seed, size, tell, device)


def _train_tagger(world: ArticleWorld, seed: int, size: str, tell: Tell, device: str) -> Trained:
    effort = EFFORTS[size]
    known, choosing, held_out = (world.articles(part) for part in ("train", "validation", "test"))
    known = known[: effort.most]
    x, y = ids([a.text for a in known]), labels(known)
    lengths = torch.from_numpy((x[:, :, 0] > 0).sum(axis=1))
    x_choosing = torch.from_numpy(ids([a.text for a in choosing]).astype(np.int64))
    with reproducible(seed, threads=1, device=device) as generator:
        network = build("tagger").to(device)
        assert isinstance(network, Tagger)
        optimizer = torch.optim.Adam(network.parameters(), lr=effort.rate)
        steps = effort.epochs * len(_alike(lengths, effort.batch, torch.Generator()))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, total_steps=steps, pct_start=0.2)
        best, best_score, best_epoch, threshold = copy_of(network), -1.0, 0, 0.0
        for epoch in range(1, effort.epochs + 1):
            network.train()
            for rows in _alike(lengths, effort.batch, generator):
                optimizer.zero_grad()
                _tagging_loss(network, x[rows], y[rows]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
            score, chosen = _best_threshold(choosing, _logits(network, x_choosing))
            tell(Epoch(epoch, "validation", METRIC, score, of=effort.epochs))
            if score > best_score:
                best, best_score, best_epoch, threshold = copy_of(network), score, epoch, chosen
        network.load_state_dict(best)
    network.eval().cpu()
    test_ids = torch.from_numpy(ids([a.text for a in held_out]).astype(np.int64))
    shown = [shortened(a.text, row, threshold, LONGEST) for a, row in zip(held_out, _logits(network, test_ids), strict=True)]
    graph = Graph(network, {"ids": test_ids[:16]}, ("logits",), lengths={"ids": (1,)}, others=({"ids": test_ids[16:20, :40]},))
    serving = {"threshold": threshold, "longest": LONGEST}
    return _measured({"model": graph}, serving, choosing, held_out, shown, seed, best_epoch)


def _alike(lengths: Tensor, size: int, generator: torch.Generator) -> list[NDArray[np.int64]]:
    """Row indices of one epoch, in batches of texts of similar length to reduce padding; batches are in random order and have at least two
    rows."""
    batches: list[Tensor] = []
    for piece in torch.split(torch.randperm(len(lengths), generator=generator), POOL * size):
        batches += torch.split(piece[torch.argsort(lengths[piece], stable=True)], size)
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[k].numpy() for k in order if len(batches[k]) > 1]


def _tagging_loss(network: Tagger, x: NDArray[np.int32], y: NDArray[np.float32]) -> Tensor:
    """Mean over all words without padding; the batch is cut to its longest text."""
    longest = max(2, int((x[:, :, 0] > 0).sum(axis=1).max()))
    device = device_of(network)
    part = torch.from_numpy(x[:, :longest].astype(np.int64)).to(device)
    kept = torch.from_numpy(y[:, :longest]).to(device)
    present = part[:, :, 0] > 0
    return functional.binary_cross_entropy_with_logits(network(part)[present], kept[present])


def labels(articles: Sequence[Article]) -> NDArray[np.float32]:
    """(articles, n) float32: 1 for the words that are kept in the summary, else 0; n as in features.ids."""
    kept = []
    longest = 2
    for article in articles:
        words = lowered(article.text, split(article.text, LONGEST))
        longest = max(longest, len(words))
        kept.append(kept_words(words, lowered(article.summary, split(article.summary, LONGEST))))
    targets = np.zeros((len(articles), longest), dtype=np.float32)
    for row, numbers in enumerate(kept):
        targets[row, numbers] = 1.0
    return targets


@torch.no_grad()
def _logits(network: Tagger, x: Tensor) -> NDArray[np.float32]:
    network.eval()
    device = device_of(network)
    pieces = [network(part.to(device)).cpu() for part in torch.split(x, 256)]
    logits: NDArray[np.float32] = torch.cat(pieces).numpy()
    return logits


def _best_threshold(articles: Sequence[Article], logits: NDArray[np.float32]) -> tuple[float, float]:
    """(mean metric, threshold) of the best threshold."""
    return max(
        (_mean(articles, [shortened(a.text, row, threshold, LONGEST) for a, row in zip(articles, logits, strict=True)]), threshold)
        for threshold in THRESHOLDS
    )


def _best_lead(articles: Sequence[Article]) -> int:
    return max(LEADS, key=lambda count: (_mean(articles, [lead(a.text, count) for a in articles]), -count))


def _mean(articles: Sequence[Article], shown: Sequence[str]) -> float:
    return float(_scores(articles, shown).mean())


def _scores(articles: Sequence[Article], shown: Sequence[str]) -> NDArray[np.float64]:
    return score_each(METRIC, [a.summary for a in articles], [(text,) for text in shown])


def _measured(
    graphs: Mapping[str, Graph],
    serving: Mapping[str, object],
    choosing: Sequence[Article],
    held_out: Sequence[Article],
    shown: Sequence[str],
    seed: int,
    epochs: int,
) -> Trained:
    """Compares the summaries with the lead whose length is best on validation, article by article. held_out: the articles measured,
    possibly a part of all held-out ones."""
    count = _best_lead(choosing)
    own = _scores(held_out, shown)
    leading = _scores(held_out, [lead(a.text, count) for a in held_out])
    ten = _scores(held_out, [lead(a.text, 10) for a in held_out])

    def over_articles(values: NDArray[np.float64]) -> Measurement:
        mean = mean_by_user(values, range(len(values)), seed)
        return dataclasses.replace(mean, method=f"bootstrap over {len(values)} articles")

    return Trained(
        graphs=graphs,
        serving={**serving, "lead": count},
        protocol=PROTOCOL,
        metrics={METRIC: over_articles(own)},
        baselines={"lead words": {METRIC: over_articles(leading)}, "lead 10 words": {METRIC: over_articles(ten)}},
        gains={f"{METRIC} over lead words": over_articles(own - leading), f"{METRIC} over lead 10 words": over_articles(own - ten)},
        epochs=epochs,
    )


def _train_pointer(world: ArticleWorld, seed: int, size: str, tell: Tell, device: str) -> Trained:
    """Trains a pointer-generator and takes the last epoch. The CPU sizes only show that it learns; `full` is for a GPU."""
    effort, numbers = POINTER_EFFORTS[size], MODELS["pointer_generator"]()
    assert isinstance(numbers, PointerNumbers)
    known, choosing, held_out = (world.articles(part) for part in ("train", "validation", "test"))
    vocabulary = vocabulary_of(known, numbers.vocabulary)
    known, row_of = known[: effort.most], {word: row for row, word in enumerate(vocabulary)}
    with reproducible(seed, threads=1, device=device) as generator:
        network = build("pointer_generator").to(device)
        assert isinstance(network, PointerGenerator)
        optimizer = torch.optim.Adagrad(network.parameters(), lr=effort.rate, initial_accumulator_value=ACCUMULATED)
        for epoch in range(1, effort.epochs + 1):
            loss = 0.0
            for rows in batches(len(known), effort.batch, generator):
                loss = pointer_step(network, optimizer, [known[int(row)] for row in rows], vocabulary, float(epoch == effort.epochs))
            tell(Epoch(epoch, "train", "loss", loss, of=effort.epochs))
            as_it_is = copy.deepcopy(network).eval().cpu()
            snippets = [_written(as_it_is, a.text, row_of, vocabulary) for a in choosing[: FOLLOWED[size]]]
            tell(Epoch(epoch, "validation", METRIC, _mean(choosing[: FOLLOWED[size]], snippets), of=effort.epochs))
    network.eval().cpu()
    measured = held_out if size == "full" else held_out[:50]  # decoding word by word takes a second per article on one core
    shown = [_written(network, a.text, row_of, vocabulary) for a in measured]
    return _measured(
        pointer_graphs(network, held_out, vocabulary), _serving(numbers, vocabulary), choosing, measured, shown, seed, effort.epochs
    )


def _serving(numbers: PointerNumbers, vocabulary: Sequence[str]) -> dict[str, object]:
    return {"vocabulary": list(vocabulary), "longest": numbers.longest, "most": numbers.most}


def vocabulary_of(articles: Sequence[Article], most: int) -> list[str]:
    """SPECIAL, then the most frequent words of texts and summaries, `most` in all; ties in alphabetical order."""
    count: Counter[str] = Counter()
    for article in articles:
        for text in (article.text, article.summary):
            count.update(lowered(text, split(text, 400)))
    return [*SPECIAL, *sorted(count, key=lambda word: (-count[word], word))[: most - len(SPECIAL)]]


def pointer_step(
    network: PointerGenerator, optimizer: torch.optim.Optimizer, articles: Sequence[Article], vocabulary: Sequence[str], coverage: float
) -> float:
    """Takes one training step on these articles; returns the loss before it."""
    network.train()
    optimizer.zero_grad()
    device = device_of(network)
    words, rows, summary = (part.to(device) for part in pointer_batch(articles, vocabulary, network.numbers))
    loss: Tensor = network(words, rows, summary, coverage)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    optimizer.step()
    return float(loss.detach())


def pointer_batch(articles: Sequence[Article], vocabulary: Sequence[str], numbers: PointerNumbers) -> tuple[Tensor, Tensor, Tensor]:
    """words, rows, summary as PointerGenerator.forward takes them: a text's own unknown words are numbered after the vocabulary."""
    row_of = {word: row for row, word in enumerate(vocabulary)}
    texts, summaries = [], []
    for article in articles:
        words = lowered(article.text, split(article.text, numbers.longest))
        own = dict.fromkeys(word for word in words if word not in row_of)
        extended = {**row_of, **{word: numbers.vocabulary + place for place, word in enumerate(own)}}
        target = lowered(article.summary, split(article.summary, numbers.most - 1))
        texts.append([extended[word] for word in words] or [UNKNOWN])
        summaries.append([*(extended.get(word, UNKNOWN) for word in target), STOP])
    words_, summary = (_padded(rows) for rows in (texts, summaries))
    return words_, torch.where(words_ < numbers.vocabulary, words_, UNKNOWN), summary


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    padded = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = torch.tensor(row)
    return padded


def _written(network: PointerGenerator, text: str, row_of: dict[str, int], vocabulary: Sequence[str]) -> str:
    numbers = network.numbers

    @torch.no_grad()
    def encode(rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        return [part.numpy() for part in network.encoder(torch.from_numpy(rows))]

    @torch.no_grad()
    def write(inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return [part.numpy() for part in network.writer(*(torch.from_numpy(inputs[name]) for name in WRITER_INPUTS))]

    return written(text, row_of, vocabulary, numbers.longest, numbers.most, encode, write)


WRITER_INPUTS = ("word", "hidden", "cell", "context", "coverage", "present", "states", "attended")


@torch.no_grad()
def pointer_graphs(network: PointerGenerator, articles: Sequence[Article], vocabulary: Sequence[str]) -> dict[str, Graph]:
    """The graphs `encoder` and `writer`, with two real texts cut to the same length as examples (texts are served one at a time, without
    padding), and two of another length."""
    rows = pointer_batch(articles[:4], vocabulary, network.numbers)[1]
    length = max(2, int((rows > 0).sum(dim=1).min()))
    encoding, writing = [], []
    for pair, cut in ((rows[:2], length), (rows[2:4], max(2, length // 2))):
        words = pair[:, :cut].contiguous()
        states, attended, hidden, cell = network.encoder(words)
        coverage = torch.zeros(len(words), cut)
        first = torch.full((len(words),), START)
        _, _, _, hidden, cell, context, coverage = network.writer(
            first, hidden, cell, torch.zeros_like(states[:, 0]), coverage, torch.ones_like(coverage), states, attended
        )
        values = (words[:, 0], hidden, cell, context, coverage, torch.ones_like(coverage), states, attended)
        encoding.append({"words": words})
        writing.append(dict(zip(WRITER_INPUTS, (value.contiguous() for value in values), strict=True)))
    long = {"coverage": (1,), "present": (1,), "states": (1,), "attended": (1,)}
    return {
        "encoder": Graph(network.encoder, encoding[0], ENCODED, lengths={"words": (1,)}, others=encoding[1:]),
        "writer": Graph(network.writer, writing[0], WRITTEN, lengths=long, others=writing[1:]),
    }
