import type { RecordingMessage } from "../types/figures";
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
  /** What became of the source, for a person. */
  sourceNotice: string | null;
  /** Of a file that plays as the source. */
  player: FilePlayer | null;
  /** The file of its own that the server plays, or is asked to; null where it takes the page's picture. */
  inputSource: InputSource | null;
  stage: { state: string; detail: string } | null;
  pipelineId: string | null;
  /** The pipeline that takes the running one's place as soon as it is loaded. */
  switchingTo: string | null;
  parameters: Values;
  /** What the server refused, by parameter; by "" what belongs to none. */
  rejected: Record<string, string>;
  prompt: PromptData;
  /** Whether the source's sound goes out. */
  soundOn: boolean;
  paused: boolean;
  /** What the server said last of a recording. */
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
  soundOn: false,
  paused: false,
  recording: null,
  metrics: NO_METRICS,
};

/** The fields of the snapshot that one part of the session writes; it may read all of them. */
export interface Fields<Name extends keyof StreamSnapshot> {
  getSnapshot: () => StreamSnapshot;
  update: (change: Partial<Pick<StreamSnapshot, Name>>) => void;
}
