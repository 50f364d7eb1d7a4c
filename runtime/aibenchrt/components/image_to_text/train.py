"""Trains a captioner on views of the training models with their captions; the epoch is chosen on the validation models.

There are few models, so views are turned, scaled, shifted, mirrored and lit in another way each time; lit only a little, since captions
name colours. The loss is the cross-entropy of each word behind the true ones before it (Vinyals et al. 2015, equation 13), and
that of which words the caption has at all, told from what is seen alone: it teaches the network that sees long before the LSTM passes
anything on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_embedding.simple import simple_vector
from aibenchrt.components.image_to_text.decoding import Array, greedy
from aibenchrt.components.image_to_text.model import Captioner, See, Step, build
from aibenchrt.components.image_to_text.serve import SIDE, as_input
from aibenchrt.components.image_to_text.template import OTHERWISE, caption, captions_by_colour, colour_of
from aibenchrt.components.image_to_text.words import BEGIN, END, Vocabulary, vocabulary_of
from aibenchrt.metrics import score_each
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.train.events import Batches, Epoch, SideWork, Tell
from aibenchrt.train.measure import mean_by_user
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, reproducible
from aibenchrt.train.varied_pictures import Variety, varied

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Captioned, CaptionedWorld

PROTOCOL = (
    "mean over the test pictures of the caption's chrF against the true one; greedy decoding; models drawn for the interval; epoch chosen "
    "on the validation models"
)
BASELINE, NEAREST = "template", "caption of the nearest training picture"
VARIETY = Variety(degrees=10.0, scale=0.15, shift=0.08, light=0.12, saturation=0.15)
SMOOTHING = 0.1
WORDS = 1.0  # weight of the loss of which words a caption has
UNSEEN = -1  # in place of the true word, where a caption has ended


@dataclass(frozen=True)
class Effort:
    """rate: the highest of the one-cycle learning rate (Smith and Topin 2018, Super-Convergence). pictures: the most to train on."""

    epochs: int
    rate: float
    batch: int = 64
    pictures: int = 100_000


EFFORTS = {
    ("tiny", "show_and_tell_small"): Effort(24, 5e-3, 32),
    ("small", "show_and_tell_small"): Effort(25, 5e-3),
    ("full", "show_and_tell_small"): Effort(75, 5e-3),
    ("tiny", "vit_lstm"): Effort(1, 1e-4, 4, 8),
    ("small", "vit_lstm"): Effort(10, 1e-4, 32),
    ("full", "vit_lstm"): Effort(60, 1e-4, 64),
}


@dataclass(frozen=True)
class Pictures:
    """levels: (n, SIDE, SIDE, 3) uint8; item: (n,) which thing each shows; texts: its captions."""

    levels: NDArray[np.uint8]
    item: NDArray[np.int64]
    texts: tuple[str, ...]

    def pixels(self) -> Tensor:
        return torch.from_numpy(as_input(self.levels))


def train(world: CaptionedWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and pictures."""
    effort = EFFORTS[size, model]
    known, choosing, held_out = (_pictures(world.captioned(split)) for split in ("train", "validation", "test"))
    rows = np.sort(np.random.default_rng(seed).permutation(len(known.texts))[: effort.pictures])
    known = Pictures(known.levels[rows], known.item[rows], tuple(known.texts[row] for row in rows))
    vocabulary = vocabulary_of(known.texts)
    lengths = [len(text.split()) for text in known.texts]
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, len(vocabulary)).to(device)
        best_epoch = _fit(network, known, choosing, vocabulary, effort, generator, tell)
        said = _captions(network, vocabulary, held_out, max(lengths))
    tell(SideWork("simple captions", 1.0))
    colours = [colour_of(picture) for picture in known.levels]
    by_colour = captions_by_colour(colours, known.texts, _agreement())
    simple = {
        BASELINE: [caption(picture, by_colour) for picture in held_out.levels],
        NEAREST: _nearest(known, held_out),
        "most central caption": [by_colour[OTHERWISE]] * len(held_out.texts),
    }
    items = held_out.item.tolist()
    ours, theirs = _chrf(held_out, said), {name: _chrf(held_out, texts) for name, texts in simple.items()}
    words = [len(set(text.split()) & set(true.split())) / len(set(true.split())) for text, true in zip(said, held_out.texts, strict=True)]
    return Trained(
        graphs=graphs(network.cpu().eval(), held_out),
        serving={"words": list(vocabulary.words), "longest": max(lengths), "usual": int(np.median(lengths)), "by_colour": by_colour},
        protocol=PROTOCOL,
        metrics={"chrf": mean_by_user(ours, items, seed)},
        baselines={name: {"chrf": mean_by_user(values, items, seed)} for name, values in theirs.items()},
        gains={f"chrf over {name}": mean_by_user(ours - values, items, seed) for name, values in theirs.items()},
        epochs=best_epoch,
        only_for_comparison={
            "captions without an error": mean_by_user(np.array([a == b for a, b in zip(said, held_out.texts, strict=True)]), items, seed),
            "last word right": mean_by_user(
                np.array([_last(a) == _last(b) for a, b in zip(said, held_out.texts, strict=True)]), items, seed
            ),
            "true words said": mean_by_user(np.array(words), items, seed),
            "training captions, distinct": len(set(known.texts)),
        },
    )


def _fit(
    network: Captioner,
    known: Pictures,
    choosing: Pictures,
    vocabulary: Vocabulary,
    effort: Effort,
    generator: torch.Generator,
    tell: Tell,
) -> int:
    """Trains, restores the weights of the best epoch and returns its number."""
    device = next(network.parameters()).device
    pixels, (given, wanted) = known.pixels().to(device), (part.to(device) for part in _words(known.texts, vocabulary))
    steps = len(list(batches(len(pixels), effort.batch, torch.Generator().manual_seed(0))))
    optimizer = torch.optim.AdamW(network.parameters(), lr=effort.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * steps, pct_start=0.2)
    best, most, best_epoch = copy_of(network), -1.0, 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step, rows in enumerate(batches(len(pixels), effort.batch, generator)):
            optimizer.zero_grad()
            shown = varied(pixels[rows], VARIETY, generator).contiguous(memory_format=torch.channels_last)
            features = network.features(shown)
            loss = loss_of(network(features, given[rows]), network.has(features), wanted[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / steps, of=effort.epochs))
        chrf = float(_chrf(choosing, _captions(network, vocabulary, choosing, given.shape[1])).mean())
        tell(Epoch(epoch, "validation", "chrf", chrf, of=effort.epochs))
        if chrf > most:
            best, most, best_epoch = copy_of(network), chrf, epoch
    network.load_state_dict(best)
    return best_epoch


def loss_of(scores: Tensor, has: Tensor, wanted: Tensor) -> Tensor:
    """scores: (b, n, words); has: (b, words), logits of which words the caption has; wanted: (b, n) numbers or UNSEEN."""
    in_order = functional.cross_entropy(scores.flatten(0, 1), wanted.flatten(), ignore_index=UNSEEN, label_smoothing=SMOOTHING)
    present = torch.zeros_like(has).scatter_(1, wanted.clamp(min=END), 1.0)
    return in_order + WORDS * functional.binary_cross_entropy_with_logits(has, present, reduction="none").sum(dim=1).mean()


def _words(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """What the network is given (n, longest + 1), BEGIN first, and what it is to say, END last, then UNSEEN."""
    rows = [vocabulary.encode(text) for text in texts]
    longest = max(map(len, rows))
    given = torch.tensor([[BEGIN, *row[:-1], *[END] * (longest - len(row))] for row in rows])
    wanted = torch.tensor([[*row, *[UNSEEN] * (longest - len(row))] for row in rows])
    return given, wanted


@torch.no_grad()
def _captions(network: Captioner, vocabulary: Vocabulary, pictures: Pictures, longest: int, rows: int = 256) -> list[str]:
    network.eval()
    device = next(network.parameters()).device

    def run(part: Callable[..., tuple[Tensor, ...]], *inputs: Array) -> tuple[Array, ...]:
        return tuple(out.cpu().numpy() for out in part(*(torch.from_numpy(array).to(device) for array in inputs)))

    def see(pixels: Array) -> tuple[Array, Array]:
        hidden, cell = run(See(network), pixels)
        return hidden, cell

    def step(word: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        scores, hidden, cell = run(network.step, word, hidden, cell)
        return scores, hidden, cell

    pixels = as_input(pictures.levels)
    parts = [greedy(see, step, pixels[start : start + rows], longest) for start in range(0, len(pixels), rows)]
    return [vocabulary.decode(numbers) for part in parts for numbers in part.tolist()]


def _pictures(captioned: Sequence[Captioned]) -> Pictures:
    levels = np.stack([colour_pixels(picture.png, SIDE) for picture in captioned])
    return Pictures(levels, np.array([picture.item_id for picture in captioned]), tuple(picture.text for picture in captioned))


def _nearest(known: Pictures, held_out: Pictures) -> list[str]:
    """For each the caption of the training picture that is most alike by colours and coarse pixels (image_embedding's simple.py)."""
    vectors, asked = (np.stack([simple_vector(picture) for picture in part.levels]) for part in (known, held_out))
    return [known.texts[row] for row in (asked @ vectors.T).argmax(axis=1)]


def _chrf(pictures: Pictures, texts: Sequence[str]) -> NDArray[Any]:
    """(n,) Each pair is scored once."""
    pairs = list(zip(pictures.texts, texts, strict=True))
    distinct = sorted(set(pairs))
    scores = score_each("chrf", [true for true, _ in distinct], [(text,) for _, text in distinct])
    score = dict(zip(distinct, scores.tolist(), strict=True))
    return np.array([score[pair] for pair in pairs])


def _agreement() -> Callable[[str, str], float]:
    return lambda reference, text: float(score_each("chrf", [reference], [(text,)])[0])


def _last(text: str) -> str:
    return text.rpartition(" ")[2]


@torch.no_grad()
def graphs(network: Captioner, shown: Pictures) -> dict[str, Graph]:
    """The graphs `see` and `step`, with real pictures to compare them with torch: four together, and one alone."""
    see, step = See(network), Step(network)
    four, one = (torch.from_numpy(as_input(part)) for part in (shown.levels[:4], shown.levels[4:5]))
    begun, alone = (
        {"word": torch.full((len(part),), BEGIN), **dict(zip(("hidden", "cell"), see(part), strict=True))} for part in (four, one)
    )
    return {
        "see": Graph(see, {"pixels": four}, ("hidden", "cell"), others=({"pixels": one},)),
        "step": Graph(step, begun, ("scores", "next_hidden", "next_cell"), others=(alone,)),
    }
