"""Declarations, the schema that becomes of them, and the values of a frame."""

from __future__ import annotations

import enum
import unittest
from typing import Any, Literal

import tomllib

from scope_pipeline import FrameInfo, Param, Parameters, Pipeline, Prompts, weighted
from scope_pipeline.params import to_toml

FRAME = FrameInfo(0, 0, 0.0, 16, 8, "RGB")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Everything(Pipeline):
    strength: float = Param(0.7, min=0, max=1, step=0.1, label="Strength", unit="%", description="How much.")
    count: int = Param(3, min=1, load=True)
    on: bool = Param(True, order=9, category="input")
    text: str = Param("a", max=80)
    steps: list[int] = Param([1000, 500], min=0, max=1000, widget="denoising_steps")
    size: Literal["small", "large"] = Param("small")
    colour: Colour = Param(Colour.RED)
    seed: int | None = Param(None)
    prompts: Prompts = Param([])
    bare = Param(2.5, choices=(1.0, 2.5))
    own: dict[str, Any] = Param({}, schema={"maxProperties": 3})


class Schema(unittest.TestCase):
    def test_a_number_has_limits_and_hints(self) -> None:
        self.assertEqual(
            Everything.schema()["strength"],
            {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "default": 0.7,
                "title": "Strength",
                "description": "How much.",
                "ui": {
                    "order": 1,
                    "category": "configuration",
                    "label": "Strength",
                    "unit": "%",
                    "step": 0.1,
                },
            },
        )

    def test_types_become_json_types(self) -> None:
        schema = Everything.schema()
        wanted = {
            "count": "integer", "on": "boolean", "text": "string", "steps": "array", "size": "string",
            "seed": ["integer", "null"], "prompts": "array", "bare": "number", "own": "object",
        }  # fmt: skip

        self.assertEqual({name: schema[name]["type"] for name in wanted}, wanted)
        self.assertEqual(schema["steps"]["items"], {"type": "integer", "minimum": 0, "maximum": 1000})
        self.assertEqual(
            (schema["size"]["enum"], schema["colour"]["enum"]), (["small", "large"], ["red", "blue"])
        )
        self.assertEqual((schema["text"]["maxLength"], schema["own"]["maxProperties"]), (80, 3))
        self.assertNotIn("default", schema["seed"])

    def test_hints_are_those_of_scope(self) -> None:
        schema = Everything.schema()

        self.assertTrue(schema["count"]["ui"]["is_load_param"])
        self.assertEqual((schema["on"]["ui"]["order"], schema["on"]["ui"]["category"]), (9, "input"))
        self.assertEqual(schema["steps"]["ui"]["component"], "denoising_steps")

    def test_toml_says_the_same(self) -> None:
        self.assertEqual(tomllib.loads(to_toml(Everything.schema()))["parameters"], Everything.schema())

    def test_a_type_without_json_is_refused_by_name(self) -> None:
        class Wrong(Pipeline):
            what: bytes = Param(b"")

        with self.assertRaisesRegex(TypeError, "what: type .*bytes"):
            Wrong.schema()

    def test_names_with_a_meaning_are_refused(self) -> None:
        for name in ("frame", "changed", "device", "layouts"):
            with self.subTest(name), self.assertRaisesRegex(TypeError, name):
                type("Wrong", (Pipeline,), {name: Param(1)})

    def test_a_class_inherits_parameters(self) -> None:
        class More(Everything):
            extra: int = Param(1)

        self.assertEqual(list(More.schema()), [*Everything.schema(), "extra"])
        self.assertEqual(More().strength, 0.7)


class Values(unittest.TestCase):
    def test_values_are_attributes_and_cannot_be_written(self) -> None:
        p = Parameters({"strength": 0.5}, FRAME)

        self.assertEqual((p.strength, p["strength"], "strength" in p), (0.5, 0.5, True))
        with self.assertRaisesRegex(AttributeError, "there are strength"):
            _ = p.weakness
        with self.assertRaises(AttributeError):
            p.strength = 1

    def test_whole_numbers_are_made_float_where_float_is_declared(self) -> None:
        values = Everything.values({"strength": 1, "count": 2})

        self.assertIs(type(values["strength"]), float)
        self.assertIs(type(values["count"]), int)

    def test_prompts_in_every_form_add_up_to_1(self) -> None:
        self.assertEqual(weighted("night"), (("night", 1.0),))
        self.assertEqual(weighted(["a", {"text": "b", "weight": 3}]), (("a", 0.25), ("b", 0.75)))
        self.assertEqual(weighted([{"text": "a"}, " a ", {"text": "c", "weight": 0}, ""]), (("a", 1.0),))
        self.assertEqual((weighted([]), weighted(None)), ((), ()))


if __name__ == "__main__":
    unittest.main()
