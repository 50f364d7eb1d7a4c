"""Words as numbers. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

END, BEGIN = SPECIAL = range(2)


class Vocabulary:
    """words: those that captions consist of; their numbers follow those of SPECIAL, in that order."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._number = {word: number for number, word in enumerate(self.words, start=len(SPECIAL))}

    def __len__(self) -> int:
        """How many numbers there are."""
        return len(SPECIAL) + len(self.words)

    def encode(self, text: str) -> list[int]:
        """The numbers of its words, then END. KeyError: a word that is not in the vocabulary."""
        return [*(self._number[word] for word in text.split()), END]

    def decode(self, numbers: Iterable[int]) -> str:
        """The words up to the first END, separated by blanks."""
        chosen = []
        for number in numbers:
            if number == END:
                break
            chosen.append(self.words[number - len(SPECIAL)])
        return " ".join(chosen)


def vocabulary_of(texts: Iterable[str]) -> Vocabulary:
    return Vocabulary(sorted({word for text in texts for word in text.split()}))
