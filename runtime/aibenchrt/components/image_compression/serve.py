"""Serves image compression: the first frame as a code, or a code as a picture, by the same model version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.image_compression import jpeg
from aibenchrt.components.image_compression.coding import FARTHEST, CodeError, Decoder, Encoder, Tables, checked_size, padded
from aibenchrt.components.image_compression.spec import RATES
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work

Pixels = NDArray[np.uint8]  # (height, width, 3)


class Session(Protocol):
    """As ONNX Runtime's: the outputs of these names, for these inputs."""

    def run(self, names: list[str], inputs: dict[str, Any]) -> Any: ...


class Codec:
    """A model: what its metadata say for serving, and its graphs by name."""

    def __init__(self, serving: Mapping[str, Any], graph: Callable[[str], Session]) -> None:
        self.stride = int(serving["stride"])
        self.down = int(serving["down"])  # pixels of a symbol's side
        self.steps = np.array(serving["steps"], dtype=np.float32)  # (rates, channels)
        self.tables = [Tables.read(kept) for kept in serving["tables"]]  # of each rate, or, with a hyperprior, of z alone
        self.grid = np.array(serving["scales"], dtype=np.float32)  # the hyperprior's; else empty
        self.analysis, self.synthesis = graph("analysis"), graph("synthesis")
        self.hyper = (graph("hyper_analysis"), graph("hyper_synthesis")) if len(self.grid) else None

    def code(self, pixels: Pixels, rate: int) -> bytes:
        (y,) = self.analysis.run(["y"], {"pixels": as_input(padded(pixels, self.stride))})
        symbols = np.rint(y[0] / self.steps[rate][:, None, None])
        encoder = Encoder()
        if self.hyper:
            (z,) = self.hyper[0].run(["z"], {"magnitudes": np.abs(y)})
            known = self.tables[0].clipped(np.rint(z[0]))
            encoder.by_tables(known, self.tables[0])
            encoder.by_scales(np.clip(symbols, -FARTHEST, FARTHEST).astype(np.int32), self._scales(known, rate))
        else:
            encoder.by_tables(self.tables[rate].clipped(symbols), self.tables[rate])
        return encoder.content(rate)

    def picture(self, content: bytes, width: int, height: int) -> Pixels:
        """CodeError: it is no code of a picture of this size."""
        width, height = checked_size(width, height)
        decoder = Decoder(content)
        if decoder.rate >= len(self.steps):
            raise CodeError(f"there is no rate {decoder.rate}")
        rows, columns = (-(-side // self.stride) * self.stride // self.down for side in (height, width))
        if self.hyper:
            known = decoder.by_tables(self.tables[0], rows // 4, columns // 4)
            symbols = decoder.by_scales(self._scales(known, decoder.rate))
        else:
            symbols = decoder.by_tables(self.tables[decoder.rate], rows, columns)
        decoder.end()
        return self.drawn(symbols, decoder.rate)[:height, :width]

    def drawn(self, symbols: NDArray[np.int32], rate: int) -> Pixels:
        """(channels, rows, columns) → the picture, padded as it was."""
        y = symbols[None].astype(np.float32) * self.steps[rate][None, :, None, None]
        (pixels,) = self.synthesis.run(["pixels"], {"y": y})
        return as_picture(pixels[0])

    def _scales(self, known: NDArray[np.int32], rate: int) -> NDArray[np.float32]:
        """Of y in steps, each the nearest of the grid's at least as large: compressing and expanding see the same numbers."""
        assert self.hyper is not None
        (scales,) = self.hyper[1].run(["scales"], {"z": known[None].astype(np.float32)})
        places = np.searchsorted(self.grid, scales[0] / self.steps[rate][:, None, None])
        nearest: NDArray[np.float32] = self.grid[np.minimum(places, len(self.grid) - 1)]
        return nearest


def open_work(folder: Path, settings: Settings) -> Work:
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    codec = opened_codec(folder)
    rate = RATES.index(str(settings["rate"]))
    return _expanding(codec) if settings["operation"] == "expand" else _compressing(lambda pixels: codec.code(pixels, rate))


def open_baseline(folder: Path, settings: Settings) -> Work:
    """JPEG of the quality whose rate is nearest to the model's; what the model compressed is expanded by a linear map of its symbols."""
    serving = read_metadata(folder)["serving"]
    quality = int(serving["jpeg"][RATES.index(str(settings["rate"]))])
    if settings["operation"] == "compress":
        return _compressing(lambda pixels: jpeg.code(pixels, quality))
    codec = opened_codec(folder)
    codec.synthesis = open_session(folder, "linear")
    return _expanding(codec)


def open_random(folder: Path, settings: Settings) -> Work:
    """The model's code of a picture of noise, as large as the frame; a picture of noise."""
    if settings["operation"] == "expand":
        return _noise
    codec = opened_codec(folder)
    rate = RATES.index(str(settings["rate"]))

    def compress(inputs: Values) -> Values:
        rng = random_generator("frames", bytes(first_of(inputs)))
        noise = rng.integers(0, 256, np.asarray(opened(first_of(inputs))).shape, dtype=np.uint8)
        return _code(codec.code(noise, rate), noise)

    return compress


def opened_codec(folder: Path) -> Codec:
    """EnvironmentFailure AIB603: as `open_work`."""
    return Codec(read_metadata(folder)["serving"], partial(open_session, folder))


def first_of(inputs: Values) -> bytes:
    """ValueError: there is no frame."""
    frames = inputs["frames"]["png"]
    if not len(frames):
        raise ValueError("there is no frame to compress")
    return bytes(frames[0])


def _compressing(code: Callable[[Pixels], bytes]) -> Work:
    def compress(inputs: Values) -> Values:
        """OSError or ValueError: the first frame is no picture, or too large a one."""
        pixels = np.asarray(opened(first_of(inputs)), dtype=np.uint8)
        checked_size(pixels.shape[1], pixels.shape[0])
        return _code(code(pixels), pixels)

    return compress


def _expanding(codec: Codec) -> Work:
    def expand(inputs: Values) -> Values:
        """CodeError, OSError or ValueError: it is no code."""
        code = inputs["code"]
        content, size = bytes(code["content"]), checked_size(int(code["width"]), int(code["height"]))
        if content[:1] == bytes([jpeg.MARK]):
            return {"image": {"png": colour_png(jpeg.picture(content, *size))}}
        return {"image": {"png": colour_png(codec.picture(content, *size))}}

    return expand


def _noise(inputs: Values) -> Values:
    code = inputs["code"]
    width, height = checked_size(int(code["width"]), int(code["height"]))
    rng = random_generator("code", bytes(code["content"]))
    return {"image": {"png": colour_png(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))}}


def _code(content: bytes, pixels: Pixels) -> Values:
    return {"code": {"content": content, "width": pixels.shape[1], "height": pixels.shape[0]}}


def as_input(pixels: Pixels) -> NDArray[Any]:
    """(height, width, 3) → (1, 3, height, width) float32 in [0, 1]."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


def as_picture(pixels: NDArray[Any]) -> Pixels:
    """(3, height, width) → (height, width, 3) uint8."""
    return np.ascontiguousarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))
