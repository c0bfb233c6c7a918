import type { RecordingMessage } from "./figures";

/** Where the page is with its session. */
export type Phase = "idle" | "connecting" | "live" | "reconnecting" | "ended";
export type SourceKind = "camera" | "screen" | "file" | "pattern";
export type CodecChoice = "auto" | "VP8" | "VP9" | "H264";
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Values = Record<string, Json>;

export interface StartOptions {
  source: SourceKind;
  deviceId: string | null;
  file: File | null;
  sound: boolean;
  measureDelay: boolean;
  codec: CodecChoice;
  pipelineId: string | null;
  parameters: Values;
}

/** End to end, from a frame's drawing to its return. */
export interface Delay {
  ms: number;
  origin: "measured" | "estimated";
}

/** Figures of the last second; null is not known, which is not 0. */
export interface Metrics {
  fpsIn: number | null;
  fpsOut: number | null;
  bitrateUpBps: number | null;
  bitrateDownBps: number | null;
  roundTripMs: number | null;
  /** Packets of the picture that did not arrive, of 100 sent in the last second. */
  lossUpPercent: number | null;
  lossDownPercent: number | null;
  /** In the browser's jitter buffer and decoder, a frame. */
  bufferMs: number | null;
  decodeMs: number | null;
  delay: Delay | null;
  serverLatencyMs: number | null;
  codec: string | null;
}

export interface StreamSnapshot {
  phase: Phase;
  /** Why the phase is what it is, for a person. */
  sentence: string | null;
  attempt: number;
  /** When the next try comes, in milliseconds of `performance.now()`. */
  retryAt: number | null;
  sessionId: string | null;
  inputStream: MediaStream | null;
  outputStream: MediaStream | null;
  frozen: boolean;
  /** What the server changed by itself, for a person. */
  notice: string | null;
  stage: { state: string; detail: string } | null;
  pipelineId: string | null;
  parameters: Values;
  /** What the server refused, by parameter. */
  rejected: Record<string, string>;
  paused: boolean;
  /** What the server said last of a recording. */
  recording: RecordingMessage | null;
  metrics: Metrics;
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
