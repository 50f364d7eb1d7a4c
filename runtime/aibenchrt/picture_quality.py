"""How near a picture is to its original: PSNR, and SSIM at one scale and at several, by sewar. Standard library when imported."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # (height, width, 3), red, green, blue

MOST_DB = 100.0  # of equal pictures, whose ratio has no bound
MOST_PIXELS = 1 << 24  # of a picture that is decoded
WINDOW = 11  # pixels of the side of SSIM's window (Wang et al. 2004)
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weights of MS-SSIM's scales, finest first (Wang, Simoncelli, Bovik 2003)


def pixels(png: bytes) -> Pixels | None:
    """The picture in colour; None if it is none, or too large a one."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            return np.asarray(picture.convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def held_out(png: bytes) -> Pixels:
    """The pixels of an original. ValueError: it is not a picture."""
    original = pixels(png)
    if original is None:
        raise ValueError("a held-out picture cannot be read")
    return original


def counted(png: bytes) -> tuple[Pixels, NDArray[np.bool_] | None]:
    """The pixels of an original, and which of them count: (height, width), those that are not transparent; None: all of them.

    ValueError: it is not a picture, or is transparent all over.
    """
    import numpy as np
    from PIL import Image

    original = held_out(png)
    with Image.open(io.BytesIO(png)) as picture:
        if "A" not in picture.getbands():
            return original, None
        opaque: NDArray[np.bool_] = np.asarray(picture.getchannel("A")) > 0
    if not opaque.any():
        raise ValueError("of a held-out picture nothing counts")
    return original, None if opaque.all() else opaque


def opaque_part(counts: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The largest part, rows and columns, to one side of all that does not count."""
    import numpy as np

    rows, columns = np.flatnonzero(~counts.all(axis=1)), np.flatnonzero(~counts.all(axis=0))
    whole = slice(None)
    parts = [
        (slice(0, rows[0]), whole),
        (slice(rows[-1] + 1, None), whole),
        (whole, slice(0, columns[0])),
        (whole, slice(columns[-1] + 1, None)),
    ]
    return max(parts, key=lambda part: counts[part].size)


def shown(png: bytes, original: Pixels) -> Pixels | None:
    """The pixels of an answer; None if it is no picture, or one of another size than the original."""
    picture = pixels(png)
    return None if picture is None or picture.shape != original.shape else picture


def decibels(original: Pixels, picture: Pixels | None) -> float:
    """Peak signal-to-noise ratio, 10 log10(255² / mean squared error) over all pixels and channels, at most MOST_DB; 0 without a
    picture."""
    if picture is None:
        return 0.0
    error = float(((picture.astype("float64") - original) ** 2).mean())
    return min(MOST_DB, 10.0 * math.log10(255.0**2 / error)) if error else MOST_DB


def ssim(original: Pixels, picture: Pixels | None) -> float:
    """Structural similarity (Wang et al. 2004, Gaussian window), mean over the channels, in [0, 1]; 0 without a picture.

    ValueError: the original is smaller than a window.
    """
    from sewar.full_ref import Filter
    from sewar.full_ref import ssim as similarity

    _least(original)
    if picture is None:
        return 0.0
    window = {"fltr": Filter.GAUSSIAN, "sigma": 1.5, "ws": WINDOW}
    return _share(float(similarity(original, picture, ws=WINDOW, MAX=255, fltr_specs=window)[0]))


def ms_ssim(original: Pixels, picture: Pixels | None) -> float:
    """Multi-scale structural similarity, mean over the channels, in [0, 1]; 0 without a picture.

    As many of the five scales as a window fits into: three of 96 × 72 pixels; their weights are made to sum to 1 again.
    ValueError: the original is smaller than a window.
    """
    from sewar.full_ref import msssim

    scales = SCALES[: int(math.log2(_least(original) / WINDOW)) + 1]
    if picture is None:
        return 0.0
    weights = [weight / sum(scales) for weight in scales]
    # Channel by channel: of pictures with three, sewar's halving mixes neighbouring channels, too.
    values = [float(msssim(original[:, :, c], picture[:, :, c], weights=weights, ws=WINDOW, MAX=255)) for c in range(3)]
    return _share(sum(values) / 3)


def _least(original: Pixels) -> int:
    least = min(original.shape[:2])
    if least < WINDOW:
        raise ValueError(f"a held-out picture has fewer than {WINDOW} pixels a side")
    return int(least)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0


def of_each(name: str, originals: Sequence[bytes], pngs: Sequence[bytes]) -> list[float]:
    """ "psnr" or "ms_ssim" of each original with the picture at its place; 0 where there is none. ValueError: an original is no picture."""
    measure = {"psnr": decibels, "ms_ssim": ms_ssim}[name]
    values = []
    for place, png in enumerate(originals):
        original = held_out(png)
        values.append(measure(original, shown(pngs[place], original) if place < len(pngs) else None))
    return values
