import type { RecordingMessage } from "./figures";
import type { Json, Values } from "./stream";

/** One property of a pipeline's JSON Schema, with its hint for the page. */
export interface PropertySchema {
  type?: string;
  enum?: Json[];
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  default?: Json;
  title?: string;
  description?: string;
  ui?: { category?: string; order?: number; label?: string; unit?: string; is_load_param?: boolean };
}

export interface Pipeline {
  id: string;
  name: string;
  description: string;
  supports_prompts: boolean;
  schema_error?: string;
  config_schema: { properties?: Record<string, PropertySchema> };
}

/** What the server says on the data channel `parameters`. */
export type ServerMessage =
  | { type: "parameters_updated"; parameters: Values; frame: number; ignored?: string[]; id?: Json }
  | { type: "parameters_rejected"; errors: { path: string; message: string }[]; id?: Json }
  | { type: "pipeline_changed"; pipeline_id: string; frame: number }
  | { type: "stage_state"; state: string; detail: string }
  | { type: "encoder_changed"; encoder: string; detail: string }
  | { type: "decoder_changed"; decoder: string; detail: string }
  | RecordingMessage
  | { type: "stats"; fps_in: number; fps_out: number; latency_ms?: number }
  | { type: "stream_stopped"; reason: string; error_message: string };
