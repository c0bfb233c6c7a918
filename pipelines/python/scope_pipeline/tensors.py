"""Frames as torch tensors, for classes with `tensors = True`. Imports torch when first used."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from .layout import arrays_of

DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Drivers' files: NVIDIA's, AMD's, and that of Windows' Linux."""


def best_device() -> str:
    """`cuda` or `mps` where torch has one, else `cpu`.

    Torch is imported where there is a device for it or it is imported already: a class that does without it
    starts in a tenth of the time.
    """
    device_there = sys.platform == "darwin" or any(Path(path).exists() for path in DEVICES)
    if "torch" not in sys.modules and not device_there:
        return "cpu"
    try:
        import torch
    except ImportError:
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    mps = getattr(torch.backends, "mps", None)
    return "mps" if mps is not None and mps.is_available() else "cpu"


def available() -> bool:
    """Whether torch can be imported."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def to_tensor(frame: Any, device: str = "cpu") -> Any:
    """The frame as uint8 tensors: on `cpu` the same memory, elsewhere one copy to the device."""
    import torch

    if frame is None:
        return None
    with warnings.catch_warnings():
        # The input is read-only; torch has no such notion and warns once a process.
        warnings.simplefilter("ignore", UserWarning)
        found = [torch.from_numpy(array) for array in arrays_of(frame)]
    if device != "cpu":
        found = [tensor.to(device, non_blocking=True) for tensor in found]
    return type(frame)(*found) if isinstance(frame, tuple) else found[0]


def to_numpy(value: Any) -> Any:
    """A returned tensor as an array on the host (waits for the device); anything else as it is."""
    if isinstance(value, tuple):
        return (
            type(value)(*map(to_numpy, value)) if hasattr(value, "_fields") else tuple(map(to_numpy, value))
        )
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        tensor = value.detach()
        if tensor.dtype.is_floating_point and tensor.element_size() < 4:
            # numpy has no bfloat16.
            tensor = tensor.float()
        return tensor.cpu().numpy()
    return value


def release() -> None:
    """Gives cached device memory back, after an out-of-memory error."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
