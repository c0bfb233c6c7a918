import { expect, it } from "vitest";

import type { Pipeline, PropertySchema } from "../types/api";
import { accepts, blendsPrompts, controlsOf, fitted, fitting, groupsOf } from "./controls";

function pipeline(properties: Record<string, PropertySchema>, more: Partial<Pipeline> = {}): Pipeline {
  return {
    id: "p",
    name: "P",
    description: "",
    version: "",
    supported_modes: ["video"],
    supports_prompts: false,
    config_schema: { properties },
    ...more,
  };
}

const only = (schema: PropertySchema) => {
  const [control] = controlsOf(pipeline({ x: { ...schema, ui: schema.ui ?? {} } }));
  if (!control) throw new Error("no control");
  return control;
};

const STEPS: PropertySchema = {
  type: "array",
  items: { type: "integer", minimum: 0, maximum: 1000 },
  minItems: 1,
  maxItems: 4,
  default: [1000, 750, 500, 250],
};

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
  [{ type: "boolean" }, "switch"],
  [{ type: "number" }, "number"],
  [{ type: "number", minimum: 0, maximum: 1 }, "slider"],
  [{ type: "integer", minimum: 0, maximum: 2 ** 31 }, "number"],
  [STEPS, "list"],
  [{ type: "array", items: { type: "string" } }, "json"],
  [{ anyOf: [{ type: "integer", minimum: 1, maximum: 5 }, { type: "null" }] }, "slider"],
  [{ type: ["string", "null"] }, "text"],
])("takes the kind from the schema %o", (schema, kind) => {
  expect(only(schema).kind).toBe(kind);
});

it.each<[PropertySchema, number]>([
  [{ type: "number", minimum: 0, maximum: 1 }, 0.01],
  [{ type: "number", minimum: -1, maximum: 1 }, 0.02],
  [{ type: "number", minimum: 0, maximum: 400 }, 5],
  [{ type: "integer", minimum: 0, maximum: 1000 }, 1],
  [{ type: "number", minimum: 0, maximum: 4, ui: { step: 0.1 } }, 0.1],
  [{ type: "number", minimum: 0, maximum: 4, multipleOf: 0.25 }, 0.25],
])("steps through %o by %d", (schema, step) => {
  expect(only(schema).step).toBe(step);
});

it("knows when a change takes effect", () => {
  expect(only({ type: "string" }).applies).toBe("live");
  expect(only({ type: "string", ui: { is_load_param: true } }).applies).toBe("start");
  expect(only({ type: "string", ui: { is_load_param: true, applies: "rebuild" } }).applies).toBe("rebuild");
});

it("takes a list's range and length from its schema", () => {
  const list = only(STEPS);

  expect(list).toMatchObject({ min: 0, max: 1000, whole: true, entries: { fewest: 1, most: 4 } });
  expect(accepts(list, [1000, 250])).toBe(true);
  expect(accepts(list, [])).toBe(false);
  expect(accepts(list, [1001])).toBe(false);
  expect(accepts(list, [0.5])).toBe(false);
});

it("leaves prompts to their own editor, and hides what does not apply without an input", () => {
  const dream = pipeline(
    {
      prompts: { type: "array", ui: {} },
      strength: { type: "number", ui: { modes: ["video"] } },
    },
    { supports_prompts: true },
  );

  expect(controlsOf(dream).map((control) => control.name)).toEqual(["strength"]);
  expect(controlsOf(dream, "text")).toEqual([]);
});

it("groups by category in the order of the first of each", () => {
  const groups = groupsOf(
    controlsOf(
      pipeline({
        a: { type: "number", ui: { order: 1, category: "input" } },
        b: { type: "number", ui: { order: 2 } },
        c: { type: "number", ui: { order: 3, category: "input" } },
        d: { type: "number", ui: { order: 4, category: "fine_tuning" } },
      }),
    ),
  );

  expect(groups.map((group) => [group.title, group.controls.map((control) => control.name)])).toEqual([
    ["Input", ["a", "c"]],
    ["Look", ["b"]],
    ["Fine tuning", ["d"]],
  ]);
});

it("drops stored values that the pipeline would reject", () => {
  const changed = pipeline({
    size: { type: "integer", minimum: 0, maximum: 5, ui: {} },
    mode: { type: "string", enum: ["a"], ui: {} },
    on: { type: "boolean", ui: {} },
  });

  expect(fitting(changed, { size: 9, mode: "b", on: true, gone: 1 })).toEqual({ on: true });
});

it("brings a number into the range", () => {
  const whole = only({ type: "integer", minimum: 0, maximum: 5 });

  expect([fitted(whole, 7), fitted(whole, -1), fitted(whole, 2.4)]).toEqual([5, 0, 2]);
});

it("knows for which pipelines the server blends prompts", () => {
  const prompts = (items: PropertySchema) => pipeline({ prompts: { type: "array", items } });

  expect(blendsPrompts(prompts({ type: "object" }))).toBe(true);
  expect(blendsPrompts(prompts({ anyOf: [{ type: "string" }, { type: "object" }] }))).toBe(true);
  expect(blendsPrompts(prompts({ type: "string" }))).toBe(false);
});
