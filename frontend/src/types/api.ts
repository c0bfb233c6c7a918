import type { RecordingMessage } from "./figures";
import type { StageStatus } from "./stage";
import type { InputSource, Json, Values } from "./stream";

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

export interface Pipeline {
  id: string;
  name: string;
  description: string;
  version?: string;
  kind?: string;
  /** `text`: generates frames without an input. */
  supported_modes?: string[];
  supports_prompts: boolean;
  schema_error?: string;
  config_schema: { properties?: Record<string, PropertySchema> };
}

/** A file of the server's; `identifier` is what chooses it. */
export interface ServerFile {
  name: string;
  identifier: string;
  bytes: number;
}

/** One kind of message on the data channel. */
export type MessageOf<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/** What the server says on the data channel `parameters`. */
export type ServerMessage =
  | { type: "parameters_updated"; parameters: Values; frame: number; ignored?: string[]; id?: Json }
  | { type: "parameters_rejected"; errors: { path: string; message: string }[]; id?: Json }
  | { type: "pipeline_changed"; pipeline_id: string; frame: number }
  | ({ type: "stage_state" } & StageStatus)
  | { type: "encoder_changed"; encoder: string; detail: string }
  | { type: "decoder_changed"; decoder: string; detail: string }
  | RecordingMessage
  | { type: "input_source"; source: (InputSource & { loop: boolean }) | null; error?: string }
  | { type: "stats"; fps_in: number; fps_out: number; latency_ms?: number }
  | { type: "stream_stopped"; reason: string; error_message: string };
