"""Trains a translator on a world's sentence pairs; the epoch is chosen by the validation pairs' loss.

Adam and label smoothing as in Vaswani et al. 2017, sections 5.3 and 5.4; linear warm-up and cosine decay of the learning rate.
Some sources are changed to look like a recogniser's output: lower case without punctuation, or with wrong letters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from aibenchrt.components.text_normalization.service import normalised as written
from aibenchrt.components.text_translation.decoding import Array, greedy, longest_of, padded
from aibenchrt.components.text_translation.model import MODELS, DecoderStep, Encode, Transformer
from aibenchrt.components.text_translation.serve import common_words
from aibenchrt.components.text_translation.vocabulary import BEGIN, END, PADDING, Vocabulary, learn
from aibenchrt.datasets.translation.parallel import Pairs, normalised
from aibenchrt.metrics import score_each
from aibenchrt.train.events import Epoch, SideWork, Tell
from aibenchrt.train.measure import mean_by_user
from aibenchrt.train.trained import Graph, Trained, copy_of, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ParallelWorld, Sides

PROTOCOL = "mean over test sentence pairs of the sentence's own chrF or BLEU; greedy decoding; epoch chosen by the validation pairs' loss"
METRICS = ("chrf", "bleu")
SMOOTHING = 0.1
AS_HEARD, WITH_ERRORS = 0.1, 0.25  # fractions of sources shown in lower case without punctuation, and with errors
ERRORS = 0.1  # fraction of wrong letters in such a source
FOLLOWED = 200  # the most validation pairs, evenly spaced, that are translated after an epoch; for progress only, they choose nothing
WARM = 0.08  # fraction of the steps in which the learning rate rises


@dataclass(frozen=True)
class Effort:
    """How long to train at one size. tokens: of a batch's longer side, including padding. pairs: the most training pairs. symbols: the most
    symbols of the vocabulary."""

    epochs: int
    rate: float
    tokens: int
    pairs: int
    held_out: int
    symbols: int


EFFORTS = {
    "tiny": Effort(5, 4e-3, 1000, 3000, 150, 400),
    "small": Effort(3, 3e-3, 1000, 1_000_000, 1_000_000, 1_000_000),
    "full": Effort(60, 7e-4, 12_000, 1_000_000, 1_000_000, 1_000_000),
}

Example = tuple[tuple[list[int], ...], list[int]]  # the source in each of its forms, and the target: subwords


def train(world: ParallelWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs; tiny also has fewer pairs and symbols."""
    effort, numbers = EFFORTS[size], MODELS[model]()
    rng = np.random.default_rng(seed)
    known, choosing, held_out = (_at_most(_as_served(world.pairs(split)), most, rng) for split, most in _most(effort))
    tell(SideWork("learning subwords", 0.0))
    followed = _spaced(choosing, FOLLOWED)
    vocabulary = learn((*known.source, *known.target), min(numbers.vocabulary, effort.symbols))
    examples, choosing_examples = _examples(known, vocabulary, rng), _examples(choosing, vocabulary, rng)
    with reproducible(seed, threads=1, device=device):
        network = Transformer(numbers, len(vocabulary)).to(device)
        epoch = _fit(network, (examples, choosing_examples), effort, rng, lambda: _quality(network, vocabulary, followed), tell)
        tell(SideWork("translating held-out sentences", 1.0))
        translations = _translated(network.eval(), vocabulary, held_out.source)
    network = network.cpu()
    seen = {name: score_each(name, held_out.target, [(text,) for text in translations]) for name in METRICS}
    copied = {name: score_each(name, held_out.target, [(text,) for text in held_out.source]) for name in METRICS}
    groups = _groups(held_out)
    return Trained(
        graphs=_graphs(network, vocabulary, held_out.source),
        serving={
            "symbols": list(vocabulary.symbols),
            "merges": [list(pair) for pair in vocabulary.merges],
            "common": common_words(known.target),
        },
        protocol=PROTOCOL,
        metrics={name: mean_by_user(values, groups, seed) for name, values in seen.items()},
        baselines={"copying": {name: mean_by_user(values, groups, seed) for name, values in copied.items()}},
        gains={f"{name} over copying": mean_by_user(seen[name] - copied[name], groups, seed) for name in METRICS},
        epochs=epoch,
        only_for_comparison=_corpus_level(held_out, translations),
    )


def _most(effort: Effort) -> tuple[tuple[str, int], ...]:
    return ("train", effort.pairs), ("validation", effort.held_out), ("test", effort.held_out)


def _as_served(pairs: Sides) -> Pairs:
    """The pairs with their sources as text normalisation writes them."""
    return Pairs(tuple(written(source) for source in pairs.source), pairs.target)


def _at_most(pairs: Pairs, most: int, rng: np.random.Generator) -> Pairs:
    if len(pairs.source) <= most:
        return pairs
    rows = sorted(rng.permutation(len(pairs.source))[:most])
    return Pairs(tuple(pairs.source[row] for row in rows), tuple(pairs.target[row] for row in rows))


def _spaced(pairs: Pairs, most: int) -> Pairs:
    """At most this many of the pairs, evenly spaced."""
    step = max(1, -(-len(pairs.source) // most))
    return Pairs(pairs.source[::step], pairs.target[::step])


def _quality(network: Transformer, vocabulary: Vocabulary, pairs: Pairs) -> dict[str, float]:
    """Metric → mean over these pairs, for the current network in evaluation mode."""
    texts = _translated(network.eval(), vocabulary, pairs.source)
    return {name: float(score_each(name, pairs.target, [(text,) for text in texts]).mean()) for name in METRICS}


def _groups(pairs: Pairs) -> list[int]:
    """For each pair the number of its source sentence: trials of the same source sentence are not independent."""
    return list(np.unique([normalised(source) for source in pairs.source], return_inverse=True)[1])


def _corpus_level(held_out: Pairs, translations: list[str]) -> dict[str, float]:
    import sacrebleu

    references = [list(held_out.target)]
    both = {"transformer": translations, "copying": list(held_out.source)}
    bleu = {f"corpus BLEU, {name}": round(sacrebleu.corpus_bleu(texts, references).score, 2) for name, texts in both.items()}
    return bleu | {f"corpus chrF, {name}": round(sacrebleu.corpus_chrf(texts, references).score, 2) for name, texts in both.items()}


def _examples(pairs: Pairs, vocabulary: Vocabulary, rng: np.random.Generator) -> list[Example]:
    return [
        (tuple(vocabulary.encode(form) for form in (source, normalised(source), _with_errors(source, rng))), vocabulary.encode(target))
        for source, target in zip(pairs.source, pairs.target, strict=True)
    ]


def _with_errors(text: str, rng: np.random.Generator) -> str:
    """The text with letters dropped, doubled or substituted, as recognisers do."""
    letters = list(text)
    for place in np.flatnonzero(rng.random(len(letters)) < ERRORS):
        letters[place] = ("", letters[place] * 2, "aeiourstnl"[int(rng.integers(10))])[int(rng.integers(3))]
    return "".join(letters) or text


def _fit(
    network: Transformer,
    examples: tuple[list[Example], list[Example]],
    effort: Effort,
    rng: np.random.Generator,
    quality: Callable[[], Mapping[str, float]],
    tell: Tell,
) -> int:
    """Trains, restores the weights of the best epoch and returns its number. quality: gives the current network's metrics, for progress."""
    training, choosing = examples
    optimizer = torch.optim.Adam(network.parameters(), lr=effort.rate, betas=(0.9, 0.98), eps=1e-9)
    steps = effort.epochs * sum(1 for _ in _batches(training, effort.tokens, np.random.default_rng(0)))
    best, best_loss, best_epoch, step = copy_of(network), float("inf"), 0, 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for batch in _batches(training, effort.tokens, rng):
            step += 1
            for group in optimizer.param_groups:
                group["lr"] = effort.rate * _share_of_rate(step / steps)
            forms = rng.choice(3, size=len(batch), p=(1 - AS_HEARD - WITH_ERRORS, AS_HEARD, WITH_ERRORS))
            loss = _loss(network, [training[row] for row in batch], forms, SMOOTHING)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        chosen = _validation_loss(network, choosing, effort.tokens)
        for metric, value in {"loss": chosen, **quality()}.items():
            tell(Epoch(epoch, "validation", metric, value, of=effort.epochs))
        if chosen < best_loss:
            best, best_loss, best_epoch = copy_of(network), chosen, epoch
    network.load_state_dict(best)
    return best_epoch


def _share_of_rate(done: float) -> float:
    return done / WARM if done < WARM else max(0.02, 0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM))))


def _batches(examples: list[Example], tokens: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Batches of row indices, of examples of similar length, in random order."""
    length = np.array([max(len(forms[0]), len(target)) + 1 for forms, target in examples])
    order = rng.permutation(len(examples))
    order = order[np.argsort(length[order] // 4, kind="stable")]
    batches: list[list[int]] = [[]]
    longest = 0
    for row in order:
        longest = max(longest, int(length[row]))
        if batches[-1] and longest * (len(batches[-1]) + 1) > tokens:
            batches.append([])
            longest = int(length[row])
        batches[-1].append(int(row))
    for place in rng.permutation(len(batches)):
        yield batches[place]


def _loss(network: Transformer, batch: list[Example], forms: Array, smoothing: float) -> Tensor:
    device = network.embedding.weight.device
    source = torch.from_numpy(padded([[*sources[form], END] for (sources, _), form in zip(batch, forms, strict=True)])).to(device)
    target = torch.from_numpy(padded([[BEGIN, *ids, END] for _, ids in batch])).to(device)
    logits = network(source, target[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING, label_smoothing=smoothing)


@torch.no_grad()
def _validation_loss(network: Transformer, examples: list[Example], tokens: int) -> float:
    """Mean loss over the batches, with unchanged sources."""
    network.eval()
    losses = [
        float(_loss(network, [examples[row] for row in batch], np.zeros(len(batch), dtype=np.int64), 0.0))
        for batch in _batches(examples, tokens, np.random.default_rng(0))
    ]
    return float(np.mean(losses))


@torch.no_grad()
def _translated(network: Transformer, vocabulary: Vocabulary, sources: tuple[str, ...], rows: int = 128) -> list[str]:
    """The translations; sentences of similar length are decoded together, `rows` at a time."""
    device = network.embedding.weight.device

    def run(part: torch.nn.Module, *inputs: Array) -> tuple[Array, ...]:
        return tuple(out.cpu().numpy() for out in part(*(torch.from_numpy(array).to(device) for array in inputs)))

    encode, step = Encode(network), DecoderStep(network)
    ids = [vocabulary.encode(source) for source in sources]
    translations: dict[int, str] = {}
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    for start in range(0, len(order), rows):
        some = order[start : start + rows]
        longest = longest_of(max(len(ids[row]) for row in some))
        translated = greedy(
            lambda *inputs: run(encode, *inputs),  # type: ignore[arg-type]
            lambda *inputs: run(step, *inputs),  # type: ignore[arg-type]
            [ids[row] for row in some],
            longest,
        )
        translations |= {row: vocabulary.decode(out[: longest_of(len(ids[row]))]) for row, out in zip(some, translated, strict=True)}
    return [translations[row] for row in range(len(sources))]


@torch.no_grad()
def _graphs(network: Transformer, vocabulary: Vocabulary, sources: tuple[str, ...]) -> dict[str, Graph]:
    """The graphs `encode` and `step`, with real sentences to compare them with torch, also for the first token, when the cache is empty."""
    encode, step = Encode(network.eval()), DecoderStep(network)
    real = sorted((vocabulary.encode(source) for source in sources[:50]), key=len)
    pair, single = (torch.from_numpy(padded([[*ids, END] for ids in some])) for some in (real[-2:], real[:1]))

    def inputs(source: Tensor, length: int) -> dict[str, Tensor]:
        keys, values = encode(source)
        rows, layers, heads, _, width = keys.shape
        so_far = [torch.zeros(rows, layers, heads, 0, width)] * 2
        token = torch.full((rows, 1), BEGIN)
        for place in range(length):
            _, *so_far = step(source, keys, values, token, torch.full((rows, 1), place), *so_far)
            token = source[:, place : place + 1]
        parts = (source, keys, values, token, torch.full((rows, 1), length), *so_far)
        return dict(zip(("source", "source_keys", "source_values", "token", "position", "keys", "values"), parts, strict=True))

    return {
        "encode": Graph(encode, {"source": pair}, ("source_keys", "source_values"), {"source": (1,)}, ({"source": single},)),
        "step": Graph(
            step,
            inputs(pair, 3),
            ("logits", "next_keys", "next_values"),
            {"source": (1,), "source_keys": (3,), "source_values": (3,), "keys": (3,), "values": (3,)},
            (inputs(single, 0), inputs(pair, 0), inputs(single, 2)),
        ),
    }
