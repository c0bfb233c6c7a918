"""Writes a frame as PNG (W3C), to look at a self-test without further packages."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .layout import I420, NV12


def write(path: Path, frame: Any) -> None:
    """RGB and RGBA in colour; of I420 and NV12 the brightness."""
    array = frame.y if isinstance(frame, (I420, NV12)) else frame
    height, width = array.shape[:2]
    colour = 0 if array.ndim == 2 else {3: 2, 4: 6}[array.shape[2]]
    rows = np.zeros((height, 1 + array[0].size), np.uint8)
    rows[:, 1:] = array.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
