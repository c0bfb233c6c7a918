import type { RecordingMessage } from "../types/figures";
import type { StageStatus } from "../types/stage";
import {
  type InputSource,
  type Metrics,
  NO_METRICS,
  type Phase,
  type PromptData,
  type Values,
} from "../types/stream";
import type { FilePlayer } from "./sources/FilePlayer";

/** What the page shows of its stream. */
export interface StreamSnapshot {
  phase: Phase;
  /** The reason for the phase, as a sentence. */
  sentence: string | null;
  attempt: number;
  /** Time of the next attempt, in milliseconds of `performance.now()`. */
  retryAt: number | null;
  /** The next attempt waits for a sign-in. */
  signedOut: boolean;
  sessionId: string | null;
  inputStream: MediaStream | null;
  outputStream: MediaStream | null;
  frozen: boolean;
  /** What the server changed by itself, as a sentence. */
  notice: string | null;
  /** What happened to the source, as a sentence. */
  sourceNotice: string | null;
  /** Controls of a file that plays as the source. */
  player: FilePlayer | null;
  /** The file on the server that plays, or is requested; null if the page sends the source. */
  inputSource: InputSource | null;
  stage: StageStatus | null;
  pipelineId: string | null;
  /** The pipeline that is being loaded to replace the running one. */
  switchingTo: string | null;
  parameters: Values;
  /** What the server rejected, by parameter; "" for what concerns none. */
  rejected: Record<string, string>;
  prompt: PromptData;
  /** Whether the source's audio is sent. */
  audioOn: boolean;
  paused: boolean;
  /** The server's latest message about a recording. */
  recording: RecordingMessage | null;
  metrics: Metrics;
}

export const NO_PROMPT: PromptData = { state: "none", frame: null, atOnce: false };

/** Before the first start. */
export const IDLE: StreamSnapshot = {
  phase: "idle",
  sentence: null,
  attempt: 0,
  retryAt: null,
  signedOut: false,
  sessionId: null,
  inputStream: null,
  outputStream: null,
  frozen: false,
  notice: null,
  sourceNotice: null,
  player: null,
  inputSource: null,
  stage: null,
  pipelineId: null,
  switchingTo: null,
  parameters: {},
  rejected: {},
  prompt: NO_PROMPT,
  audioOn: false,
  paused: false,
  recording: null,
  metrics: NO_METRICS,
};

/** The fields of the snapshot that one part of the session writes; it may read all of them. */
export interface Fields<Name extends keyof StreamSnapshot> {
  getSnapshot: () => StreamSnapshot;
  update: (change: Partial<Pick<StreamSnapshot, Name>>) => void;
}

/** Whether there is a stream: being set up, live or reconnecting. */
export function isRunning({ phase }: Pick<StreamSnapshot, "phase">): boolean {
  return phase !== "idle" && phase !== "ended";
}
