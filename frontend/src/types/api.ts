import type * as generated from "./generated";
import type { Json, ServerMessage, paths } from "./generated";

/** How the page draws a parameter. */
export interface UiHint {
  category?: string;
  order?: number;
  label?: string;
  unit?: string;
  step?: number;
  widget?: string;
  /** Kinds of input that the parameter means something for. */
  modes?: string[];
  is_load_param?: boolean;
  /** `rebuild`: a change while live builds the stage again. */
  applies?: string;
}

/** One property of a pipeline's JSON Schema, with its hint for the page. */
export interface PropertySchema {
  type?: string | string[];
  enum?: Json[];
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
  maxLength?: number;
  items?: PropertySchema;
  anyOf?: PropertySchema[];
  default?: Json;
  title?: string;
  description?: string;
  ui?: UiHint;
}

/** A pipeline of the server's, as far as the page shows it. */
export type Pipeline = Pick<
  generated.Pipeline,
  "id" | "name" | "description" | "version" | "supported_modes" | "supports_prompts" | "schema_error"
> & { config_schema: { properties?: Record<string, PropertySchema> } };

/** A file of the server's; `identifier` is what chooses it. */
export type ServerFile = generated.SourceFile;

export type { ServerMessage };

/** One kind of message on the data channel. */
export type MessageOf<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

type Method = "get" | "put" | "post" | "patch" | "delete";

/** The JSON that a route of the server answers with. */
export type AnswerOf<Path extends keyof paths, Verb extends Method = "get"> = paths[Path][Verb] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;
