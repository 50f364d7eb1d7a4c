"""Symbols as bits: range coding (Martin 1979) by `constriction`. Needs numpy and constriction, never torch.

A code is one byte, which names the rate, and the coder's 32-bit words, little-endian. Probabilities come from tables and from scales that
are rounded to a grid, both kept as numbers in a model version, so that whoever expands has the very model that compressed. What lies beyond
a table is coded as its nearest end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

MOST_SIDE = 4096  # pixels
MOST_PIXELS = 1 << 22
FARTHEST = 2047  # the largest symbol of a normal distribution
_Symbols = NDArray[np.int32]


class CodeError(ValueError):
    """What is to be expanded is no code."""


@dataclass(frozen=True)
class Tables:
    """Of each channel the least symbol, and the probabilities from it on."""

    least: tuple[int, ...]
    probability: tuple[NDArray[np.float32], ...]

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Tables:
        """kept: what `plain` returned, through JSON."""
        return cls(tuple(map(int, kept["least"])), tuple(np.array(row, dtype=np.float32) for row in kept["probability"]))

    def plain(self) -> dict[str, Any]:
        return {"least": list(self.least), "probability": [[round(float(p), 7) for p in row] for row in self.probability]}

    def models(self) -> list[Any]:
        return [constriction.stream.model.Categorical(np.maximum(row, 1e-7), perfect=False) for row in self.probability]

    def clipped(self, symbols: NDArray[Any]) -> _Symbols:
        """(channels, …) → the nearest symbols that the tables have."""
        rows = zip(symbols, self.least, self.probability, strict=True)
        clipped: _Symbols = np.stack([np.clip(row, least, least + len(table) - 1) for row, least, table in rows]).astype(np.int32)
        return clipped


class Encoder:
    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def by_tables(self, symbols: _Symbols, tables: Tables) -> None:
        """symbols: (channels, …), within the tables."""
        for row, least, model in zip(symbols, tables.least, tables.models(), strict=True):
            self._coder.encode(np.ascontiguousarray(row.ravel() - least, dtype=np.int32), model)

    def by_scales(self, symbols: _Symbols, scales: NDArray[np.float32]) -> None:
        """symbols, scales: of the same shape; each symbol of a normal distribution about 0, at most FARTHEST from it."""
        family = constriction.stream.model.QuantizedGaussian(-FARTHEST, FARTHEST)
        flat = np.ascontiguousarray(scales.ravel(), dtype=np.float32)
        self._coder.encode(np.ascontiguousarray(symbols.ravel(), dtype=np.int32), family, np.zeros_like(flat), flat)

    def content(self, rate: int) -> bytes:
        words: NDArray[np.uint32] = self._coder.get_compressed()
        return bytes([rate]) + words.astype("<u4").tobytes()


class Decoder:
    """content: of a code. CodeError: it is none."""

    def __init__(self, content: bytes) -> None:
        if len(content) % 4 != 1:
            raise CodeError("a code has one byte and whole words")
        self.rate = content[0]
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(content[1:], dtype="<u4").astype(np.uint32))

    def by_tables(self, tables: Tables, height: int, width: int) -> _Symbols:
        """(channels, height, width). CodeError: the bits are no such symbols."""
        rows = [self._decoded(model, height * width) + least for least, model in zip(tables.least, tables.models(), strict=True)]
        symbols: _Symbols = np.stack(rows).reshape(len(rows), height, width).astype(np.int32)
        return symbols

    def by_scales(self, scales: NDArray[np.float32]) -> _Symbols:
        """As many symbols as scales, in their shape. CodeError: as above."""
        family = constriction.stream.model.QuantizedGaussian(-FARTHEST, FARTHEST)
        flat = np.ascontiguousarray(scales.ravel(), dtype=np.float32)
        symbols: _Symbols = self._decoded(family, np.zeros_like(flat), flat).reshape(scales.shape)
        return symbols

    def end(self) -> None:
        """CodeError: there is more than was decoded."""
        if not self._coder.maybe_exhausted():
            raise CodeError("a code goes on behind its picture")

    def _decoded(self, *how: Any) -> _Symbols:
        try:
            symbols: _Symbols = self._coder.decode(*how)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise CodeError(f"a code cannot be decoded: {error}") from error
        return symbols


def checked_size(width: int, height: int) -> tuple[int, int]:
    """(width, height). CodeError: no picture of that size is expanded."""
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE and width * height <= MOST_PIXELS):
        raise CodeError(f"no picture of {width} × {height} pixels is expanded; at most {MOST_PIXELS:,}")
    return width, height


def padded(pixels: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """(height, width, 3) → the same with its last row and column repeated until both sides are multiples of the stride."""
    height, width, _ = pixels.shape
    return np.pad(pixels, ((0, -height % stride), (0, -width % stride), (0, 0)), mode="edge")
