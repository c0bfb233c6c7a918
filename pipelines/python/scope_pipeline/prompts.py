"""Prompts as people write them, evened out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Mixture = tuple[tuple[str, float], ...]
"""Texts with weights that add up to 1, in the order given; empty if there are none."""


def weighted(prompts: Any) -> Mixture:
    """`"night"`, `["night", {"text": "sea", "weight": 3}]`, ... as texts with weights that add up to 1.

    The same text twice is one with both weights; a weight that is missing is 1, one below 0 counts as 0.
    """
    items: Iterable[Any] = [prompts] if isinstance(prompts, (str, Mapping)) else prompts or ()
    found: dict[str, float] = {}
    for item in items:
        text, weight = (
            (item.get("text", ""), item.get("weight", 1)) if isinstance(item, Mapping) else (item, 1)
        )
        text = str(text).strip()
        amount = max(0.0, float(1 if weight is None else weight))
        if text and amount:
            found[text] = found.get(text, 0.0) + amount
    total = sum(found.values())
    return tuple((text, amount / total) for text, amount in found.items())
