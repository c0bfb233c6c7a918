"""How pictures lie in memory: numpy views on a buffer, never a copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import numpy as np

Array = Any
"""`numpy.ndarray` of uint8; spelled Any, since numpy's own annotation differs between its versions."""

SIDE_LIMIT = 16384
"""Pixels a side: what video has, with room; a larger figure is a fault of whoever sent it."""


class I420(NamedTuple):
    """Y at full size, U and V at half width and half height."""

    y: Array
    u: Array
    v: Array


class NV12(NamedTuple):
    """Y at full size, interleaved U and V (hxwx2) at half width and half height."""

    y: Array
    uv: Array


Picture = Union[Array, I420, NV12]

CHANNELS = {"RGB": 3, "RGBA": 4}


def planes(layout: str, width: int, height: int) -> list[tuple[int, ...]]:
    """The shape of each plane: (rows, columns[, bytes a pixel])."""
    if not (0 < width <= SIDE_LIMIT and 0 < height <= SIDE_LIMIT):
        raise ValueError(f"a picture of 1 to {SIDE_LIMIT} pixels a side is wanted, {width}x{height} came")
    if layout in CHANNELS:
        return [(height, width, CHANNELS[layout])]
    half = ((height + 1) // 2, (width + 1) // 2)
    if layout == "I420":
        return [(height, width), half, half]
    if layout == "NV12":
        return [(height, width), (*half, 2)]
    raise ValueError(f"layout RGB, RGBA, I420 or NV12 is wanted, {layout!r} came")


def view(
    buffer: Any,
    layout: str,
    size: tuple[int, int],
    strides: Sequence[int],
    offsets: Sequence[int],
    writable: bool,
) -> Picture:
    """The picture in `buffer`: `size` is (width, height), `strides` and `offsets` are bytes, one a plane.

    Raises ValueError where a row or a plane would lie outside the buffer.
    """
    shapes = planes(layout, *size)
    if len(strides) != len(shapes) or len(offsets) != len(shapes):
        raise ValueError(
            f"{layout} has {len(shapes)} planes; {len(strides)} strides and {len(offsets)} offsets came"
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
    return _picture(layout, found)


def allocate(layout: str, width: int, height: int) -> Picture:
    """A black picture of its own."""
    arrays = [np.zeros(shape, np.uint8) for shape in planes(layout, width, height)]
    picture = _picture(layout, arrays)
    for chroma in arrays[1:]:
        chroma[...] = 128
    if layout == "RGBA":
        arrays[0][..., 3] = 255
    return picture


def _picture(layout: str, arrays: Sequence[Array]) -> Picture:
    if layout == "I420":
        return I420(*arrays)
    if layout == "NV12":
        return NV12(*arrays)
    return arrays[0]


def arrays_of(picture: Picture) -> tuple[Array, ...]:
    """The planes."""
    return tuple(picture) if isinstance(picture, tuple) else (picture,)


def shape_of(picture: Picture) -> tuple[tuple[int, ...], ...]:
    """What two pictures of one batch have in common."""
    return tuple(array.shape for array in arrays_of(picture))


def store(result: Any, out: Picture) -> None:
    """Copies a picture that a pipeline returned into `out`: uint8, or float from 0 to 1.

    Raises ValueError where the shapes differ.
    """
    targets = arrays_of(out)
    sources = arrays_of(result) if isinstance(result, tuple) else (result,)
    if len(sources) != len(targets):
        raise ValueError(f"a picture of {len(targets)} planes is wanted, {len(sources)} came")
    for source, target in zip(sources, targets):
        array = np.asarray(source)
        if array.ndim == target.ndim + 1 and array.shape[0] == 1:
            array = array[0]
        if array.ndim == 3 and target.ndim == 3 and array.shape[2] == 3 and target.shape[2] == 4:
            target[..., 3] = 255
            target = target[..., :3]
        if array.shape != target.shape:
            raise ValueError(f"a picture of shape {target.shape} is wanted, {array.shape} came")
        if array.dtype.kind == "f":
            np.copyto(target, np.rint(np.clip(np.nan_to_num(array), 0, 1) * 255), casting="unsafe")
        elif array.dtype == np.uint8:
            np.copyto(target, array)
        else:
            raise ValueError(f"a picture of uint8 or of float 0..1 is wanted, {array.dtype} came")


def resized(picture: Array, width: int, height: int) -> Array:
    """An HxWxC picture at another size, bilinear; the same one where the size is right."""
    if picture.shape[:2] == (height, width):
        return picture
    found = picture.astype(np.float32)
    for axis, size in ((0, height), (1, width)):
        length = found.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = at.astype(np.intp)
        high = np.minimum(low + 1, length - 1)
        share = (at - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        found = np.take(found, low, axis) * (1 - share) + np.take(found, high, axis) * share
    return found if picture.dtype.kind == "f" else np.rint(found).astype(picture.dtype)
