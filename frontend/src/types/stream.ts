import type * as generated from "./generated";
import type { Json } from "./generated";

/** Where the page is with its session. */
export type Phase = "idle" | "connecting" | "live" | "reconnecting" | "ended";
/** Files that the server plays in place of the page's own source. */
export type ServerKind = generated.SourceType;
/** `text` sends no video: for pipelines that generate their own. */
export type SourceKind = "camera" | "screen" | "file" | "pattern" | "text" | ServerKind;
/** A file of the server's, in the words of the wire. */
export type InputSource = Pick<generated.InputSource, "source_type" | "source_name">;
export type CodecChoice = "auto" | "VP8" | "VP9" | "H264";
export type Values = generated.ParameterValues;
export type { Json };

/** What is sent, and how it is opened; it may change while the stream runs. */
export interface SourceOptions {
  source: SourceKind;
  deviceId: string | null;
  microphoneId: string | null;
  /** Requested from a camera, as in "1280x720". */
  resolution: string;
  /** Requested from a camera and a screen, in frames per second. */
  frameRate: number;
  file: File | null;
  /** If the source is a file on the server. */
  inputSource: InputSource | null;
  audio: boolean;
  measureDelay: boolean;
}

export interface StartOptions extends SourceOptions {
  codec: CodecChoice;
  pipelineId: string | null;
  parameters: Values;
}

/** How far the newest prompts have got. */
export interface PromptData {
  state: "none" | "sent" | "applied" | "rejected";
  /** The first frame that was made with them. */
  frame: number | null;
  /** The pipeline applied them at once, without the transition. */
  atOnce: boolean;
}

/** End to end, from drawing a frame to its return. */
export interface Delay {
  ms: number;
  origin: "measured" | "estimated";
}

/** Figures of the last second; null means unknown, not 0. */
export interface Metrics {
  fpsIn: number | null;
  fpsOut: number | null;
  bitrateUpBps: number | null;
  bitrateDownBps: number | null;
  roundTripMs: number | null;
  /** Video packets that did not arrive, of 100 sent in the last second. */
  lossUpPercent: number | null;
  lossDownPercent: number | null;
  /** Per frame, in the browser's jitter buffer and decoder. */
  bufferMs: number | null;
  decodeMs: number | null;
  delay: Delay | null;
  serverLatencyMs: number | null;
  codec: string | null;
}

export const NO_METRICS: Metrics = {
  fpsIn: null,
  fpsOut: null,
  bitrateUpBps: null,
  bitrateDownBps: null,
  roundTripMs: null,
  lossUpPercent: null,
  lossDownPercent: null,
  bufferMs: null,
  decodeMs: null,
  delay: null,
  serverLatencyMs: null,
  codec: null,
};
