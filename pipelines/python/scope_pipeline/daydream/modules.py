"""Stand-ins for the modules that pipeline classes import from Daydream Scope, where it is not installed.

They hold what such a class needs of them: its base class, its requirements, its configuration's base class
and the helpers of its fields. Names and meanings are Scope's; see its documentation of pipelines.
"""

from __future__ import annotations

import abc
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType
from typing import Any, Callable, ClassVar, Optional


@dataclass
class Requirements:
    """What `prepare` answers: how many frames the next call wants."""

    input_size: int


class Pipeline(abc.ABC):
    """Scope's base class."""

    @classmethod
    def get_config_class(cls) -> Any:
        """The Pydantic class of its parameters and metadata."""
        return importlib.import_module("scope.core.pipelines.base_schema").BasePipelineConfig

    def prepare(self, **kwargs: Any) -> Requirements | None:
        """None: makes frames without input."""
        return None

    @abc.abstractmethod
    def __call__(self, **kwargs: Any) -> Any:
        """Frames in `video`, frames out in the answer's `video`."""


@dataclass
class _Artifact:
    """Model files; the operator has put them in place."""

    files: Sequence[str] = field(default_factory=list)


@dataclass
class HuggingfaceRepoArtifact(_Artifact):
    """Files of a repository on Hugging Face."""

    repo_id: str = ""


@dataclass
class GoogleDriveArtifact(_Artifact):
    """A file on Google Drive."""

    file_id: str = ""
    name: str = ""


class UsageType(str, Enum):
    """Where in a chain a pipeline may stand."""

    PREPROCESSOR = "preprocessor"
    POSTPROCESSOR = "postprocessor"


def ui_field_config(
    *,
    order: int | None = None,
    component: str | None = None,
    modes: Sequence[str] | None = None,
    is_load_param: bool = False,
    label: str | None = None,
    category: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """For `Field(json_schema_extra=...)`: how the control of a field looks."""
    given = {"order": order, "component": component, "modes": modes, "label": label, **more}
    hint = {"category": category or "configuration", "is_load_param": is_load_param}
    hint.update({key: value for key, value in given.items() if value is not None})
    return {"ui": hint}


def hookimpl(function: Callable[..., Any] | None = None, **_: Any) -> Any:
    """Scope finds plug-ins by this mark; here the class is named to `serve`."""
    return function if function is not None else hookimpl


def _interface() -> Mapping[str, Any]:
    return {"Pipeline": Pipeline, "Requirements": Requirements}


def _artifacts() -> Mapping[str, Any]:
    return {
        "Artifact": _Artifact,
        "HuggingfaceRepoArtifact": HuggingfaceRepoArtifact,
        "GoogleDriveArtifact": GoogleDriveArtifact,
    }


# Default, least, most, what it is.
_BOUNDED: dict[str, tuple[Any, float, float | None, str]] = {
    "height": (512, 1, None, "Frame height in pixels"),
    "width": (512, 1, None, "Frame width in pixels"),
    "base_seed": (42, 0, None, "Seed of the random numbers"),
    "noise_scale": (None, 0, 1, "Amount of noise"),
    "input_size": (1, 1, None, "Frames of input a call"),
    "vace_context_scale": (1.0, 0, 2, "Weight of the reference"),
}


@functools.lru_cache(maxsize=1)
def _base_schema() -> Mapping[str, Any]:
    # The user's class imports pydantic itself; nothing else here does.
    from pydantic import BaseModel, ConfigDict, Field, create_model

    class ModeDefaults(BaseModel):  # type: ignore[misc, unused-ignore]
        """Defaults of one input mode, where they differ from the configuration's."""

        model_config = ConfigDict(extra="allow")
        default: bool = False

    def bounded(name: str) -> Callable[..., Any]:
        default, low, high, description = _BOUNDED[name]

        def make(default: Any = default) -> Any:
            return Field(default=default, ge=low, le=high, description=description)

        return make

    fields: dict[str, tuple[Any, Any]] = {
        "height": (int, bounded("height")()),
        "width": (int, bounded("width")()),
        "base_seed": (int, bounded("base_seed")()),
        "manage_cache": (bool, True),
        "denoising_steps": (Optional[list[int]], None),
        "noise_scale": (Optional[float], bounded("noise_scale")()),
        "noise_controller": (Optional[bool], None),
        "input_size": (Optional[int], bounded("input_size")()),
        "ref_images": (Optional[list[str]], None),
        "vace_context_scale": (float, bounded("vace_context_scale")()),
    }
    made: Any = create_model("BasePipelineConfig", __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload, unused-ignore]

    class BasePipelineConfig(made):  # type: ignore[misc, unused-ignore]
        """Parameters as fields, metadata as class variables."""

        pipeline_id: ClassVar[str] = ""
        pipeline_name: ClassVar[str] = ""
        pipeline_description: ClassVar[str] = ""
        pipeline_version: ClassVar[str] = "1.0.0"
        docs_url: ClassVar[Any] = None
        estimated_vram_gb: ClassVar[Any] = None
        requires_models: ClassVar[bool] = False
        artifacts: ClassVar[list[Any]] = []
        supports_prompts: ClassVar[bool] = True
        supports_lora: ClassVar[bool] = False
        supports_vace: ClassVar[bool] = False
        supports_cache_management: ClassVar[bool] = False
        supports_kv_cache_bias: ClassVar[bool] = False
        supports_quantization: ClassVar[bool] = False
        produces_video: ClassVar[bool] = True
        produces_audio: ClassVar[bool] = False
        min_dimension: ClassVar[int] = 1
        modified: ClassVar[bool] = False
        usage: ClassVar[list[Any]] = []
        inputs: ClassVar[list[str]] = ["video"]
        outputs: ClassVar[list[str]] = ["video"]
        modes: ClassVar[dict[str, Any]] = {"text": ModeDefaults(default=True)}
        default_temporal_interpolation_method: ClassVar[Any] = "slerp"
        default_temporal_interpolation_steps: ClassVar[Any] = 0
        default_spatial_interpolation_method: ClassVar[Any] = "linear"
        recommended_quantization_vram_threshold: ClassVar[Any] = None
        num_frame_per_block: ClassVar[Any] = None
        vae_temporal_downsample_factor: ClassVar[Any] = None

    return {
        "BasePipelineConfig": BasePipelineConfig,
        "ModeDefaults": ModeDefaults,
        "UsageType": UsageType,
        "ui_field_config": ui_field_config,
        "height_field": bounded("height"),
        "width_field": bounded("width"),
        "noise_scale_field": bounded("noise_scale"),
        "input_size_field": bounded("input_size"),
        "vace_context_scale_field": bounded("vace_context_scale"),
    }


_MODULES: dict[str, Callable[[], Mapping[str, Any]]] = {
    "scope": dict,
    "scope.core": dict,
    "scope.core.pipelines": dict,
    "scope.core.pipelines.interface": _interface,
    "scope.core.pipelines.base_schema": _base_schema,
    # The name in the first releases.
    "scope.core.pipelines.schema": _base_schema,
    "scope.core.pipelines.artifacts": _artifacts,
    "scope.core.pipelines.hookspecs": lambda: {"hookimpl": hookimpl},
    "scope.core.plugins": dict,
    "scope.core.plugins.hookspecs": lambda: {"hookimpl": hookimpl},
}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes the stand-ins when they are imported."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in _MODULES or not self._is_ours(name):
            return None
        package = any(other.startswith(name + ".") for other in _MODULES)
        return importlib.machinery.ModuleSpec(name, self, is_package=package)

    def _is_ours(self, name: str) -> bool:
        """Whether the package above is a stand-in, too: nothing is put into a Scope that is installed."""
        package = sys.modules.get("scope")
        return name == "scope" or getattr(getattr(package, "__spec__", None), "loader", None) is self

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(_MODULES[module.__name__]())


def install() -> None:
    """Last in the search, so that an installed Scope comes first; once."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
