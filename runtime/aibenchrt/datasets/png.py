"""PNG encoding of small pictures, using only zlib: the same zlib gives the same bytes on every machine. In colour: colour_png.py;
depth: depth_png.py."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

GREY, COLOUR, COLOUR_ALPHA = 0, 2, 6  # colour types


def png(image: NDArray[np.uint8]) -> bytes:
    """(height, width) uint8 grey, 0 black → a PNG file without filters."""
    height, width = image.shape
    return png_file(width, height, GREY, b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(image)))


def png_file(width: int, height: int, colour: int, lines: bytes, bits: int = 8, level: int = 6) -> bytes:
    """The file of a picture of that colour type. lines: the rows, each behind the type of its filter. bits: of a channel, 8 or 16. level:
    of the compression, 0 to 9.

    PNG specification, sections 5, 9 and 11.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, level)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
