"""Write a pipeline for the Scope video server as a Python class: `Pipeline`, `Param`, `serve`."""

from ._version import __version__
from .cli import serve
from .layout import I420, NV12
from .parameters import FrameInfo, Parameters
from .params import Param, Prompts
from .pipeline import Passthrough, Pipeline, Skip
from .prompts import weighted

__all__ = [
    "I420",
    "NV12",
    "FrameInfo",
    "Param",
    "Parameters",
    "Passthrough",
    "Pipeline",
    "Prompts",
    "Skip",
    "__version__",
    "serve",
    "weighted",
]
