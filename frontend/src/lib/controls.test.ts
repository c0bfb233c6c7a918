import { expect, it } from "vitest";

import type { Pipeline, PropertySchema } from "../types/api";
import { controlsOf } from "./controls";

function pipeline(properties: Record<string, PropertySchema>): Pipeline {
  return { id: "p", name: "P", description: "", supports_prompts: false, config_schema: { properties } };
}

it("draws what has a hint, in its order, and nothing else", () => {
  const controls = controlsOf(
    pipeline({
      hidden: { type: "string" },
      second: { type: "boolean", ui: { order: 2 } },
      first: {
        type: "integer",
        minimum: 0,
        maximum: 9,
        default: 4,
        ui: { order: 1, label: "First", unit: "ms" },
      },
    }),
  );

  expect(controls.map((control) => [control.name, control.kind])).toEqual([
    ["first", "slider"],
    ["second", "switch"],
  ]);
  expect(controls[0]).toMatchObject({ label: "First", unit: "ms", min: 0, max: 9, step: 1, initial: 4 });
});

it.each<[PropertySchema, string]>([
  [{ type: "string" }, "text"],
  [{ type: "string", enum: ["a", "b"] }, "select"],
  [{ type: "number" }, "number"],
  [{ type: "number", minimum: 0, maximum: 1 }, "slider"],
])("takes the kind from the schema %o", (schema, kind) => {
  expect(controlsOf(pipeline({ x: { ...schema, ui: {} } }))[0]?.kind).toBe(kind);
});
