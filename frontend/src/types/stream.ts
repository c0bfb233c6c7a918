/** Where the page is with its session. */
export type Phase = "idle" | "connecting" | "live" | "reconnecting" | "ended";
/** Files that the server plays in the place of a picture that the page sends. */
export type ServerKind = "video_file" | "recording";
/** `text` sends no picture: for pipelines that make their own. */
export type SourceKind = "camera" | "screen" | "file" | "pattern" | "text" | ServerKind;
/** A file of the server's, in the words of the wire. */
export type InputSource = { source_type: ServerKind; source_name: string };
export type CodecChoice = "auto" | "VP8" | "VP9" | "H264";
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Values = Record<string, Json>;

/** What is sent, and how it is opened; it may change while the stream runs. */
export interface SourceOptions {
  source: SourceKind;
  deviceId: string | null;
  microphoneId: string | null;
  /** Asked of a camera, as in "1280x720". */
  resolution: string;
  /** Frames a second, asked of a camera and a screen. */
  frameRate: number;
  file: File | null;
  /** Where the source is a file of the server's. */
  inputSource: InputSource | null;
  sound: boolean;
  measureDelay: boolean;
}

export interface StartOptions extends SourceOptions {
  codec: CodecChoice;
  pipelineId: string | null;
  parameters: Values;
}

/** Where the newest prompts are on their way into the picture. */
export interface PromptData {
  state: "none" | "sent" | "in force" | "refused";
  /** The first frame that was made with them. */
  frame: number | null;
  /** The pipeline takes prompts at once, whatever transition is asked for. */
  atOnce: boolean;
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
