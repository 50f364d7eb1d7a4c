"""Summarizers.

tagger: a summary by deletion (Filippova, Alfonseca, Colmenares, Kaiser, Vinyals 2015, Sentence Compression by Deletion with LSTMs, EMNLP):
each word is kept or dropped; here by dilated convolutions over embeddings of the word, its prefix, its suffix and its position.
pointer_generator: See, Liu, Manning 2017, Get To The Point: Summarization with Pointer-Generator Networks (ACL), with coverage; the sizes
are those of section 4 of the paper: 128-dimensional embeddings shared by both sides, 256-dimensional states, a vocabulary of 50,000.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from aibenchrt.components.text_summarization.features import BUCKETS, COUNTS, LONGEST, PLACES, SHAPES

PADDING, UNKNOWN, START, STOP = 0, 1, 2, 3  # rows of a pointer-generator's vocabulary


@dataclass(frozen=True)
class TaggerNumbers:
    """width: of an embedding and of every layer; dilations: one per layer; window: kernel size, in words."""

    width: int = 64
    window: int = 5
    dilations: tuple[int, ...] = (1, 2, 4)
    dropout: float = 0.2


@dataclass(frozen=True)
class PointerNumbers:
    """vocabulary: rows of the embedding, including the four special ones. longest: the most words read; most: the most words written."""

    vocabulary: int = 50_000
    width: int = 128
    state: int = 256
    longest: int = 400
    most: int = 100


def tagger() -> TaggerNumbers:
    return TaggerNumbers()


def pointer_generator() -> PointerNumbers:
    return PointerNumbers()


MODELS: dict[str, Callable[[], TaggerNumbers | PointerNumbers]] = {"tagger": tagger, "pointer_generator": pointer_generator}


def build(model: str) -> Tagger | PointerGenerator:
    numbers = MODELS[model]()
    return Tagger(numbers) if isinstance(numbers, TaggerNumbers) else PointerGenerator(numbers)


class Tagger(nn.Module):
    """(texts, n, COLUMNS) ids as features.ids makes them, as int64 → logits (texts, n): how likely each word is to be kept."""

    def __init__(self, numbers: TaggerNumbers) -> None:
        super().__init__()
        width = numbers.width
        self.hashed = nn.Embedding(BUCKETS, width, padding_idx=0)
        self.small = nn.ModuleList(nn.Embedding(rows, width, padding_idx=0) for rows in (LONGEST + 1, PLACES, COUNTS, SHAPES))
        for table in (self.hashed, *self.small):
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=0.1)
        self.dropout = nn.Dropout(numbers.dropout)
        self.enter = nn.Linear(2 * width, width)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, numbers.window, padding=dilation * (numbers.window // 2), dilation=dilation)
            for dilation in numbers.dilations
        )
        self.out = nn.Linear(width, 1)

    def forward(self, ids: Tensor) -> Tensor:
        present = (ids[:, :, :1] > 0).to(torch.float32)  # (b, n, 1)
        word = self.hashed(ids[:, :, 0]) + self.hashed(ids[:, :, 1]) + self.hashed(ids[:, :, 2])
        topic = (word * present).sum(dim=1, keepdim=True) / present.sum(dim=1, keepdim=True).clamp(min=1.0)  # (b, 1, width)
        x = word
        for column, table in enumerate(self.small, start=3):
            x = x + table(ids[:, :, column])
        x = torch.cat([x, word * topic], dim=2)  # a word that is similar to many others of its text is what the text is about
        x = functional.relu(self.enter(self.dropout(x))) * present
        x = x.transpose(1, 2)  # (b, width, n)
        for layer in self.layers:
            x = (x + functional.relu(layer(self.dropout(x)))) * present.transpose(1, 2)
        logits: Tensor = self.out(self.dropout(x.transpose(1, 2))).squeeze(2)
        return logits


class Encoder(nn.Module):
    """The bidirectional encoder of a text, section 2.1.

    words (b, n) vocabulary rows, all of length n unless `length` (b,) is given → states (b, n, 2·state), their projection for
    attention (b, n, 2·state), and a decoder's initial hidden and cell state (b, state).
    """

    def __init__(self, numbers: PointerNumbers, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.reader = nn.LSTM(numbers.width, numbers.state, batch_first=True, bidirectional=True)
        self.first_hidden = nn.Linear(2 * numbers.state, numbers.state)
        self.first_cell = nn.Linear(2 * numbers.state, numbers.state)
        self.attended = nn.Linear(2 * numbers.state, 2 * numbers.state, bias=False)  # W_h of equation 1

    def forward(self, words: Tensor, length: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = self.embedding(words)
        if length is None:
            states, (hidden, cell) = self.reader(x)
        else:  # in training: padding is not read
            packed, (hidden, cell) = self.reader(pack_padded_sequence(x, length.cpu(), batch_first=True, enforce_sorted=False))
            states, _ = pad_packed_sequence(packed, batch_first=True, total_length=words.shape[1])
        first = [torch.cat([both[0], both[1]], dim=1) for both in (hidden, cell)]
        return (
            states,
            self.attended(states),
            functional.relu(self.first_hidden(first[0])),
            functional.relu(self.first_cell(first[1])),
        )


class Writer(nn.Module):
    """One step of the decoder, sections 2.1 to 2.3: attention with coverage, vocabulary distribution and generation probability.

    word (b,), row of the last word; hidden, cell (b, state); context (b, 2·state); coverage, present (b, n); states, attended as given by
    the encoder → probability of each vocabulary row (b, vocabulary) if generated, of each position in the text (b, n) if copied,
    p_gen (b, 1), and the new hidden, cell, context and coverage.
    """

    def __init__(self, numbers: PointerNumbers, embedding: nn.Embedding) -> None:
        super().__init__()
        wide = 2 * numbers.state
        self.embedding = embedding
        self.merge = nn.Linear(numbers.width + wide, numbers.width)
        self.cell = nn.LSTMCell(numbers.width, numbers.state)
        self.asked = nn.Linear(wide, wide)  # W_s and b_attn of equation 1
        self.covered = nn.Linear(1, wide, bias=False)  # w_c of equation 11
        self.score = nn.Linear(wide, 1, bias=False)  # v
        self.generate = nn.Linear(wide + wide + numbers.width, 1)  # equation 8
        self.hidden = nn.Linear(numbers.state + wide, numbers.state)  # V of equation 4
        self.out = nn.Linear(numbers.state, numbers.vocabulary)  # V'

    def forward(
        self,
        word: Tensor,
        hidden: Tensor,
        cell: Tensor,
        context: Tensor,
        coverage: Tensor,
        present: Tensor,
        states: Tensor,
        attended: Tensor,
    ) -> tuple[Tensor, ...]:
        x = self.merge(torch.cat([self.embedding(word), context], dim=1))
        hidden, cell = self.cell(x, (hidden, cell))
        state = torch.cat([cell, hidden], dim=1)
        heard = torch.tanh(attended + self.asked(state).unsqueeze(1) + self.covered(coverage.unsqueeze(2)))
        score = self.score(heard).squeeze(2).masked_fill(present == 0, -1e9)
        attention = torch.softmax(score, dim=1)  # (b, n)
        context = torch.bmm(attention.unsqueeze(1), states).squeeze(1)
        generated = torch.sigmoid(self.generate(torch.cat([context, state, x], dim=1)))
        vocabulary = torch.softmax(self.out(self.hidden(torch.cat([hidden, context], dim=1))), dim=1)
        return vocabulary, attention, generated, hidden, cell, context, coverage + attention


class PointerGenerator(nn.Module):
    """Encoder and writer are served as two graphs; `forward` is the loss that training minimises."""

    def __init__(self, numbers: PointerNumbers) -> None:
        super().__init__()
        self.numbers = numbers
        embedding = nn.Embedding(numbers.vocabulary, numbers.width)
        self.encoder = Encoder(numbers, embedding)
        self.writer = Writer(numbers, embedding)
        for name, weight in self.named_parameters():
            if "reader" in name or "cell.weight" in name:
                nn.init.uniform_(weight, -0.02, 0.02)
        nn.init.normal_(embedding.weight, std=1e-2)

    def forward(self, words: Tensor, rows: Tensor, summary: Tensor, coverage_weight: float = 1.0) -> Tensor:
        """The mean loss over a summary's words: negative log-likelihood plus coverage loss (equations 7, 9, 12, 13).

        words (b, n), summary (b, m): numbers in the vocabulary extended by the text's own unknown words, 0-padded; rows (b, n): the
        vocabulary row of each word, UNKNOWN for words that have none. A summary ends with STOP.
        """
        present = (words > 0).to(torch.float32)
        states, attended, hidden, cell = self.encoder(rows, present.sum(dim=1).to(torch.int64).clamp(min=1))
        context, coverage = torch.zeros_like(states[:, 0]), torch.zeros_like(present)
        word = torch.full_like(summary[:, 0], START)
        total = torch.zeros((), device=states.device)
        for place in range(summary.shape[1]):
            before = coverage
            vocabulary, attention, generated, hidden, cell, context, coverage = self.writer(
                word, hidden, cell, context, coverage, present, states, attended
            )
            target = summary[:, place]
            known = target < self.numbers.vocabulary
            written = torch.gather(vocabulary, 1, torch.where(known, target, UNKNOWN).unsqueeze(1)).squeeze(1) * known
            copied = (attention * (words == target.unsqueeze(1))).sum(dim=1)
            likelihood = generated.squeeze(1) * written + (1 - generated.squeeze(1)) * copied
            loss = -torch.log(likelihood.clamp(min=1e-9)) + coverage_weight * torch.minimum(attention, before).sum(dim=1)
            total = total + (loss * (target != PADDING)).sum()
            word = torch.where(known, target, UNKNOWN)
        return total / (summary != PADDING).sum().clamp(min=1)
