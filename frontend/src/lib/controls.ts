import type { Pipeline, PropertySchema } from "../types/api";
import type { Json } from "../types/stream";

export interface Control {
  name: string;
  kind: "switch" | "text" | "select" | "slider" | "number";
  label: string;
  unit: string;
  min: number | null;
  max: number | null;
  step: number;
  options: Json[];
  initial: Json;
  category: string;
  order: number;
  /** Takes effect at load time: locked while live. */
  loadParam: boolean;
  description: string;
}

/** The controls that a pipeline's schema asks for: properties with a `ui` hint, in their order. */
export function controlsOf(pipeline: Pipeline): Control[] {
  const properties = Object.entries(pipeline.config_schema.properties ?? {});
  const controls = properties
    .filter(([, schema]) => schema.ui)
    .map(([name, schema]) => control(name, schema));
  return controls.sort((one, other) => one.order - other.order || one.name.localeCompare(other.name));
}

function control(name: string, schema: PropertySchema): Control {
  const ui = schema.ui ?? {};
  return {
    name,
    kind: kindOf(schema),
    label: ui.label ?? schema.title ?? name,
    unit: ui.unit ?? "",
    min: schema.minimum ?? null,
    max: schema.maximum ?? null,
    step: schema.multipleOf ?? (schema.type === "integer" ? 1 : 0.01),
    options: schema.enum ?? [],
    initial: schema.default ?? null,
    category: ui.category ?? "configuration",
    order: ui.order ?? 0,
    loadParam: ui.is_load_param ?? false,
    description: schema.description ?? "",
  };
}

function kindOf(schema: PropertySchema): Control["kind"] {
  if (schema.enum) return "select";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "string") return "text";
  return schema.minimum !== undefined && schema.maximum !== undefined ? "slider" : "number";
}
