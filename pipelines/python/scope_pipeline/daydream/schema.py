"""Parameters from a Pydantic configuration class: its JSON Schema, made flat."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ..parameters import Parameters
from ..params import Spec
from ..pipeline import Pipeline


def specs_of(config: Any) -> dict[str, Spec]:
    """A `Spec` for each field of the class; none where the class has no JSON Schema.

    A field whose name means something else in `Pipeline` or in `p` stays at the class's own default.
    """
    if config is None or not hasattr(config, "model_json_schema"):
        return {}
    document = config.model_json_schema()
    definitions = document.get("$defs", {})
    return {
        name: _spec(flat(field, definitions))
        for name, field in document.get("properties", {}).items()
        if name not in vars(Pipeline) and not hasattr(Parameters, name)
    }


def _spec(field: dict[str, Any]) -> Spec:
    ui = field.pop("ui", {})
    default = field.pop("default", None)
    description = field.pop("description", "")
    title = field.pop("title", "")
    if ui:
        ui = {**ui, "label": ui.get("label") or title}
    return Spec(default=default, limits={}, ui=ui, description=description, schema=field, derived=False)


def flat(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The field's schema with references put in place, and `anyOf: [X, null]` as X that may be null."""
    found = copy.deepcopy(dict(field))
    reference = found.pop("$ref", None)
    if reference is not None:
        found = {**flat(definitions.get(reference.rpartition("/")[2], {}), definitions), **found}
    for key in ("anyOf", "oneOf", "allOf"):
        if key in found:
            found[key] = [flat(choice, definitions) for choice in found[key]]
    if isinstance(found.get("items"), dict):
        found["items"] = flat(found["items"], definitions)
    if isinstance(found.get("properties"), dict):
        found["properties"] = {name: flat(value, definitions) for name, value in found["properties"].items()}
    if len(found.get("allOf", ())) == 1:
        found = {**found.pop("allOf")[0], **found}
    kinds = [choice for choice in found.get("anyOf", ()) if choice.get("type") != "null"]
    if len(kinds) == 1 and len(kinds) < len(found["anyOf"]) and isinstance(kinds[0].get("type"), str):
        del found["anyOf"]
        found = {**kinds[0], **found}
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found
