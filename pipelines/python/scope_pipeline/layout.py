"""How frames lie in memory: numpy views on a buffer, never a copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import numpy as np

Array = Any
"""`numpy.ndarray` of uint8; spelled Any, since numpy's own annotation differs between its versions."""

SIDE_LIMIT = 16384
"""Pixels a side: what video has, with room; a larger one is a fault of the sender."""


class I420(NamedTuple):
    """Y at full size, U and V at half width and half height."""

    y: Array
    u: Array
    v: Array


class NV12(NamedTuple):
    """Y at full size, interleaved U and V (hxwx2) at half width and half height."""

    y: Array
    uv: Array


Frame = Union[Array, I420, NV12]

CHANNELS = {"RGB": 3, "RGBA": 4}


def planes(layout: str, width: int, height: int) -> list[tuple[int, ...]]:
    """The shape of each plane: (rows, columns[, bytes a pixel])."""
    if not (0 < width <= SIDE_LIMIT and 0 < height <= SIDE_LIMIT):
        raise ValueError(f"expected 1 to {SIDE_LIMIT} pixels per side, got {width}x{height}")
    if layout in CHANNELS:
        return [(height, width, CHANNELS[layout])]
    half = ((height + 1) // 2, (width + 1) // 2)
    if layout == "I420":
        return [(height, width), half, half]
    if layout == "NV12":
        return [(height, width), (*half, 2)]
    raise ValueError(f"expected layout RGB, RGBA, I420 or NV12, got {layout!r}")


def view(
    buffer: Any,
    layout: str,
    size: tuple[int, int],
    strides: Sequence[int],
    offsets: Sequence[int],
    writable: bool,
) -> Frame:
    """The frame in `buffer`: `size` is (width, height), `strides` and `offsets` are bytes, one a plane.

    Raises ValueError where a row or a plane would lie outside the buffer.
    """
    shapes = planes(layout, *size)
    if len(strides) != len(shapes) or len(offsets) != len(shapes):
        raise ValueError(
            f"{layout}: expected {len(shapes)} planes, got {len(strides)} strides and {len(offsets)} offsets"
        )
    length = memoryview(buffer).nbytes
    found = []
    for shape, stride, offset in zip(shapes, strides, offsets):
        row = shape[1] * (shape[2] if len(shape) > 2 else 1)
        end = offset + stride * (shape[0] - 1) + row
        if stride < row or offset < 0 or end > length:
            raise ValueError(
                f"{layout} {size[0]}x{size[1]}: rows of {row} bytes every {stride} from {offset} "
                f"do not fit in {length} bytes"
            )
        inner = (shape[2], 1) if len(shape) > 2 else (1,)
        array = np.ndarray(shape, np.uint8, buffer, offset, (stride, *inner))
        array.flags.writeable = writable
        found.append(array)
    return _frame(layout, found)


def allocate(layout: str, width: int, height: int) -> Frame:
    """A black frame with memory of its own."""
    arrays = [np.zeros(shape, np.uint8) for shape in planes(layout, width, height)]
    frame = _frame(layout, arrays)
    for chroma in arrays[1:]:
        chroma[...] = 128
    if layout == "RGBA":
        arrays[0][..., 3] = 255
    return frame


def _frame(layout: str, arrays: Sequence[Array]) -> Frame:
    if layout == "I420":
        return I420(*arrays)
    if layout == "NV12":
        return NV12(*arrays)
    return arrays[0]


def arrays_of(frame: Frame) -> tuple[Array, ...]:
    """The planes."""
    return tuple(frame) if isinstance(frame, tuple) else (frame,)


def shape_of(frame: Frame) -> tuple[tuple[int, ...], ...]:
    """What two frames of one batch have in common."""
    return tuple(array.shape for array in arrays_of(frame))


def store(result: Any, out: Frame) -> None:
    """Copies a frame that a pipeline returned into `out`: uint8, or float from 0 to 1.

    Raises ValueError where the shapes differ.
    """
    targets = arrays_of(out)
    sources = arrays_of(result) if isinstance(result, tuple) else (result,)
    if len(sources) != len(targets):
        raise ValueError(f"expected a frame of {len(targets)} planes, got {len(sources)}")
    for source, target in zip(sources, targets):
        array = np.asarray(source)
        if array.ndim == target.ndim + 1 and array.shape[0] == 1:
            array = array[0]
        if array.ndim == 3 and target.ndim == 3 and array.shape[2] == 3 and target.shape[2] == 4:
            target[..., 3] = 255
            target = target[..., :3]
        if array.shape != target.shape:
            raise ValueError(f"expected a frame of shape {target.shape}, got {array.shape}")
        if array.dtype.kind == "f":
            np.copyto(target, np.rint(np.clip(np.nan_to_num(array), 0, 1) * 255), casting="unsafe")
        elif array.dtype == np.uint8:
            np.copyto(target, array)
        else:
            raise ValueError(f"expected a frame of uint8, or of float from 0 to 1, got {array.dtype}")


def resized(frame: Array, width: int, height: int) -> Array:
    """An HxWxC frame scaled to another size, bilinear; the frame itself if it has that size."""
    if frame.shape[:2] == (height, width):
        return frame
    found = frame.astype(np.float32)
    for axis, size in ((0, height), (1, width)):
        length = found.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = at.astype(np.intp)
        high = np.minimum(low + 1, length - 1)
        share = (at - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        found = np.take(found, low, axis) * (1 - share) + np.take(found, high, axis) * share
    return found if frame.dtype.kind == "f" else np.rint(found).astype(frame.dtype)
