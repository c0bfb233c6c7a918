"""Parameters as a class declares them, and the JSON Schema with `ui` hints that becomes of them.

Pure: no frame, no socket.
"""

from __future__ import annotations

import enum
import json
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, Union, cast

T = TypeVar("T")

Prompts = list[Union[str, dict[str, Any]]]
"""What people write: strings, or objects `{"text": ..., "weight": ...}`. `weighted()` evens them out."""

_PRIMITIVES = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
PROMPTS = 16
"""Most prompts of one list; the server's own limit."""
PROMPT_LENGTH = 4000
"""Most characters of a prompt, likewise."""
_PROMPT = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "maxLength": PROMPT_LENGTH},
        "weight": {"type": "number", "minimum": 0},
    },
    "required": ["text"],
}


@dataclass(frozen=True)
class Spec:
    """What `Param(...)` was given; `Pipeline` collects these from its class attributes."""

    default: Any
    limits: Mapping[str, Any]
    ui: Mapping[str, Any]
    description: str = ""
    choices: Sequence[Any] | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    derived: bool = True
    """Whether type and `ui` come from the declaration; else `schema` and `ui` are all there is."""


def Param(
    default: T,
    *,
    min: float | None = None,
    max: float | None = None,
    step: float | None = None,
    label: str = "",
    description: str = "",
    unit: str = "",
    category: str = "configuration",
    order: int | None = None,
    widget: str = "",
    modes: Sequence[str] = (),
    choices: Sequence[T] | None = None,
    load: bool = False,
    schema: Mapping[str, Any] | None = None,
) -> T:
    """Declares a parameter: `strength: float = Param(0.7, min=0, max=1)`.

    `min` and `max` bound a number, the items of a list of numbers, or the length of a string. `choices`
    makes a menu, `load=True` a value that is set when the pipeline is loaded and not while it runs.
    `category` is Scope's ("configuration" or "input"), `widget` the control where
    the type alone does not say it ("noise", "denoising_steps", ...; Scope calls it `component`), `schema`
    JSON Schema keywords of your own, which win over what is derived here.
    """
    ui = {
        "category": category,
        "order": order,
        "label": label or None,
        "unit": unit or None,
        "step": step,
        "widget": widget or None,
        "component": widget or None,
        "modes": list(modes) or None,
        "is_load_param": True if load else None,
    }
    spec = Spec(
        default=default,
        limits={"minimum": min, "maximum": max},
        ui={key: value for key, value in ui.items() if value is not None},
        description=description,
        choices=choices,
        schema=schema or {},
    )
    # The class body sees the type of the value, as with dataclasses.field().
    return cast(T, spec)


def properties(specs: Mapping[str, Spec], hints: Mapping[str, Any]) -> dict[str, Any]:
    """The `[parameters]` table of `pipeline.toml`: JSON Schema by name, from declarations and annotations."""
    return {
        name: _property(name, spec, hints.get(name), order)
        for order, (name, spec) in enumerate(specs.items(), 1)
    }


def _property(name: str, spec: Spec, hint: Any, order: int) -> dict[str, Any]:
    label = str(spec.ui.get("label") or name.replace("_", " ").capitalize())
    found = _type_of(name, spec, hint) if spec.derived else {}
    if spec.choices is not None:
        found["enum"] = list(spec.choices)
    _bound(found, spec.limits)
    found.update(spec.schema)
    if spec.default is not None:
        found["default"] = _plain(spec.default)
    found["title"] = label
    if spec.description:
        found["description"] = spec.description
    if spec.derived or spec.ui:
        found["ui"] = {"order": order, **spec.ui, "label": label}
    return found


def _type_of(name: str, spec: Spec, hint: Any) -> dict[str, Any]:
    return _of_type(hint, name) if hint is not None else _of_default(spec.default, name)


def _bound(found: dict[str, Any], limits: Mapping[str, Any]) -> None:
    given = {key: value for key, value in limits.items() if value is not None}
    kind = found.get("type")
    if not given:
        return
    if kind == "array" and isinstance(found.get("items"), dict):
        found["items"].update(given)
    elif kind == "string":
        found.update(
            {{"minimum": "minLength", "maximum": "maxLength"}[key]: value for key, value in given.items()}
        )
    else:
        found.update(given)


def _of_default(default: Any, name: str) -> dict[str, Any]:
    if default is None:
        raise TypeError(f"parameter {name}: expected a type annotation, because the default is None")
    if isinstance(default, (list, tuple)):
        items = _of_default(default[0], name) if default else {}
        return {"type": "array", "items": items}
    return _of_type(type(default), name)


def _of_type(hint: Any, name: str) -> dict[str, Any]:
    """JSON Schema of a Python type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint == Prompts:
        items = {"anyOf": [{"type": "string", "maxLength": PROMPT_LENGTH}, json.loads(json.dumps(_PROMPT))]}
        return {"type": "array", "items": items, "maxItems": PROMPTS}
    if hint is Any:
        return {}
    if origin is typing.Literal:
        return {"type": _PRIMITIVES[type(arguments[0])], "enum": list(arguments)}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    if origin in (list, tuple) or hint in (list, tuple):
        inner = [argument for argument in arguments if argument is not Ellipsis]
        return {"type": "array", "items": _of_type(inner[0], name) if inner else {}}
    if origin is dict:
        return {"type": "object"}
    if hint in _PRIMITIVES:
        return {"type": _PRIMITIVES[hint]}
    kinds = [argument for argument in arguments if argument is not type(None)]
    if kinds and len(kinds) < len(arguments) and len(kinds) == 1:
        inner_schema = _of_type(kinds[0], name)
        inner_schema["type"] = [inner_schema["type"], "null"]
        return inner_schema
    if kinds:
        return {"anyOf": [_of_type(kind, name) for kind in kinds]}
    raise TypeError(
        f"parameter {name}: type {hint} has no JSON Schema here; use bool, int, float, str, a list of these, "
        f"Literal, Enum, Optional or Prompts, or give schema="
    )


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def to_toml(table: Mapping[str, Any]) -> str:
    """`[parameters.<name>]` tables to paste into `pipeline.toml`."""
    lines = []
    for name, schema in table.items():
        lines.append(f"[parameters.{name}]")
        lines.extend(f"{key} = {_toml(value)}" for key, value in schema.items())
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # JSON's strings, numbers and booleans are TOML's too.
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() else json.dumps(key)
