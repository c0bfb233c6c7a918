import type { Pipeline, PropertySchema } from "../types/api";
import type { Json, Values } from "../types/stream";

export type ControlKind = "switch" | "text" | "select" | "slider" | "number" | "list" | "json";

export interface Control {
  name: string;
  kind: ControlKind;
  label: string;
  unit: string;
  min: number | null;
  max: number | null;
  step: number;
  /** Only whole numbers. */
  whole: boolean;
  options: Json[];
  /** Of a list: its shortest and longest length. */
  entries: { fewest: number; most: number };
  initial: Json;
  category: string;
  order: number;
  /** When a change takes effect: at once, by rebuilding the stage, or only at the next start. */
  applies: "live" | "rebuild" | "start";
  /** Input kinds that it applies to; empty means all. */
  modes: string[];
  description: string;
}

export interface ControlGroup {
  category: string;
  title: string;
  controls: Control[];
}

/** A range with more steps than this gets a number box: nobody can hit a single step with a thumb. */
const SLIDER_STEPS = 20_000;
/** Steps of a slider if the schema sets none. */
const USUAL_STEPS = 100;
/** Longest list if the schema sets no limit. */
const LIST_LIMIT = 16;
const TITLES: Record<string, string> = { configuration: "Look", input: "Input" };

/** The controls that a pipeline's schema calls for: its properties with a `ui` hint, in their order. */
export function controlsOf(pipeline: Pipeline, mode = "video"): Control[] {
  const properties = Object.entries(pipeline.config_schema.properties ?? {});
  const controls = properties
    .filter(([name, schema]) => schema.ui && !isPrompts(pipeline, name))
    .map(([name, schema]) => controlOf(name, schema))
    .filter((control) => control.modes.length === 0 || control.modes.includes(mode));
  return controls.sort((one, other) => one.order - other.order || one.name.localeCompare(other.name));
}

/** The controls by category; a category stands where its first control does. */
export function groupsOf(controls: Control[]): ControlGroup[] {
  const groups = new Map<string, Control[]>();
  for (const control of controls) {
    groups.set(control.category, [...(groups.get(control.category) ?? []), control]);
  }
  return [...groups].map(([category, members]) => ({
    category,
    title: TITLES[category] ?? category.charAt(0).toUpperCase() + category.slice(1).replaceAll("_", " "),
    controls: members,
  }));
}

/** Prompts have an editor of their own. */
export function isPrompts(pipeline: Pipeline, name: string): boolean {
  return name === "prompts" && pipeline.supports_prompts;
}

/** Whether the pipeline generates frames without an input. */
export function needsNoInput(pipeline: Pipeline): boolean {
  return pipeline.supported_modes.includes("text");
}

/** Whether the server can blend from one prompt mix to the next for this pipeline; if not, a new mix applies at once. */
export function blendsPrompts(pipeline: Pipeline): boolean {
  const items = pipeline.config_schema.properties?.["prompts"]?.items;
  return (items?.anyOf ?? [items]).some((kind) => kind?.type === "object");
}

/** The `values` that the pipeline's controls accept; the server would reject an offer with any others. */
export function fitting(pipeline: Pipeline, values: Values): Values {
  const controls = new Map(controlsOf(pipeline).map((control) => [control.name, control]));
  const fits = ([name, value]: [string, Json]) => {
    const control = controls.get(name);
    return control !== undefined && accepts(control, value);
  };
  return Object.fromEntries(Object.entries(values).filter(fits));
}

/** Whether the control can take this value. */
export function accepts(control: Control, value: Json): boolean {
  switch (control.kind) {
    case "switch":
      return typeof value === "boolean";
    case "text":
      return typeof value === "string";
    case "select":
      return control.options.includes(value);
    case "slider":
    case "number":
      return inRange(control, value);
    case "list": {
      const { fewest, most } = control.entries;
      return (
        Array.isArray(value) &&
        value.length >= fewest &&
        value.length <= most &&
        value.every((entry) => inRange(control, entry))
      );
    }
    case "json":
      return true;
    default:
      return control.kind satisfies never;
  }
}

/** The nearest number that the control accepts. */
export function fitted(control: Control, value: number): number {
  const { min, max, whole } = control;
  const rounded = whole ? Math.round(value) : value;
  return Math.min(Math.max(rounded, min ?? -Infinity), max ?? Infinity);
}

function inRange(control: Control, value: Json): boolean {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  return fitted(control, value) === value;
}

function controlOf(name: string, property: PropertySchema): Control {
  const schema = unwrapped(property);
  const ui = property.ui ?? {};
  const kind = kindOf(schema);
  const numbers = kind === "list" ? unwrapped(schema.items ?? {}) : schema;
  const { minimum: min = null, maximum: max = null } = numbers;
  const whole = typeOf(numbers) === "integer";
  return {
    name,
    kind,
    label: ui.label ?? property.title ?? name,
    unit: ui.unit ?? "",
    min,
    max,
    step: ui.step ?? numbers.multipleOf ?? usualStep(min, max, whole),
    whole,
    options: schema.enum ?? [],
    entries: { fewest: schema.minItems ?? 0, most: schema.maxItems ?? LIST_LIMIT },
    initial: property.default ?? null,
    category: ui.category ?? "configuration",
    order: ui.order ?? 0,
    applies: !ui.is_load_param ? "live" : ui.applies === "rebuild" ? "rebuild" : "start",
    modes: ui.modes ?? [],
    description: property.description ?? "",
  };
}

function kindOf(schema: PropertySchema): ControlKind {
  if (schema.enum) return "select";
  switch (typeOf(schema)) {
    case "boolean":
      return "switch";
    case "string":
      return "text";
    case "integer":
    case "number":
      return sliderFits(schema) ? "slider" : "number";
    case "array":
      return isNumeric(unwrapped(schema.items ?? {})) ? "list" : "json";
    default:
      return "json";
  }
}

function sliderFits({ minimum, maximum, type }: PropertySchema): boolean {
  if (minimum === undefined || maximum === undefined || maximum <= minimum) return false;
  return type !== "integer" || maximum - minimum <= SLIDER_STEPS;
}

function isNumeric(schema: PropertySchema): boolean {
  return typeOf(schema) === "integer" || typeOf(schema) === "number";
}

/** `anyOf: [X, null]` and `type: [X, "null"]` are drawn as X. */
function unwrapped(schema: PropertySchema): PropertySchema {
  const choices = (schema.anyOf ?? []).filter((choice) => choice.type !== "null");
  const [only] = choices;
  return choices.length === 1 && only ? { ...schema, ...only } : schema;
}

function typeOf({ type }: PropertySchema): string | undefined {
  return Array.isArray(type) ? type.find((name) => name !== "null") : type;
}

/** About a hundredth of the range, as 1, 2 or 5 times a power of ten. */
function usualStep(min: number | null, max: number | null, whole: boolean): number {
  if (min === null || max === null || max <= min) return whole ? 1 : 0.01;
  const exact = (max - min) / USUAL_STEPS;
  const power = 10 ** Math.floor(Math.log10(exact));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= exact * 0.999) ?? 10;
  const step = Number((factor * power).toPrecision(1));
  return whole ? 1 : step;
}
