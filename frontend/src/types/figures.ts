import type { MessageOf } from "./api";
import type { Gpu, Recording, RecordingFile, Session, StepTimes, SystemBody } from "./generated";

export type { Gpu, Recording, RecordingFile, StepTimes };

/** A value at a time (milliseconds of `performance.now()`); null is not known. */
export interface Point {
  at: number;
  value: number | null;
}

/** The server's load and this page's stream; null is not known. */
export interface SystemMetrics {
  cpuPercent: number | null;
  gpuPercent: number | null;
  /** Where `gpuPercent` is not known: it is not over this. */
  gpuAtMostPercent: number | null;
  ramUsedBytes: number | null;
  ramTotalBytes: number | null;
  vramUsedBytes: number | null;
  vramTotalBytes: number | null;
  fps: number | null;
  latencyMs: number | null;
}

/** The server and its host, as far as the page shows them. */
export type Host = Omit<SystemBody, "ice">;

/** A session, as far as the page shows it. */
export type SessionDetail = Pick<
  Session,
  | "id"
  | "state"
  | "pipeline_id"
  | "video_codec"
  | "audio_codec"
  | "encoder"
  | "decoder"
  | "width"
  | "height"
  | "sent_width"
  | "sent_height"
  | "fps_limit"
  | "drops"
  | "packets_lost_in"
  | "packets_lost_out"
  | "figures"
  | "latency"
  | "candidate_pair"
>;

/** What the server says of a recording on the data channel. */
export type RecordingMessage = MessageOf<"recording">;

/** The recording of this page's session. */
export interface RecordingStatus {
  active: boolean;
  id: string | null;
  /** Written so far. */
  seconds: number;
  bytes: number;
  /** What went wrong with it. */
  sentence: string | null;
}
