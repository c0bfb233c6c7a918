import type { CodecChoice, ServerKind, SourceKind, Values } from "./stream";

/** A text and its weight in the mix. */
export interface Prompt {
  text: string;
  weight: number;
}

export const METHODS = ["linear", "slerp"] as const;
export const THEMES = ["system", "dark", "light"] as const;
export const INPUT_VIEWS = ["inset", "beside", "hidden"] as const;
export const RESOLUTIONS = ["640x480", "320x240", "960x540", "1280x720", "1920x1080"] as const;
export const FRAME_RATES = [30, 15, 24, 60] as const;
export const SERVER_KINDS: ServerKind[] = ["video_file", "recording"];
export const SOURCES: SourceKind[] = ["camera", "screen", "file", "pattern", "text", ...SERVER_KINDS];
export const CODECS: CodecChoice[] = ["auto", "VP8", "VP9", "H264"];

/** The longest transition that the server accepts, in frames: a minute at 60 fps. */
export const MAX_STEPS = 3600;

export type Method = (typeof METHODS)[number];
export type Theme = (typeof THEMES)[number];
export type InputView = (typeof INPUT_VIEWS)[number];

/** What a person has set; it survives a reload. */
export interface Settings {
  theme: Theme;
  source: SourceKind;
  /** The chosen file on the server, by kind. */
  sourceNames: Record<ServerKind, string>;
  cameraId: string;
  microphoneId: string;
  resolution: string;
  frameRate: number;
  audio: boolean;
  measureDelay: boolean;
  codec: CodecChoice;
  pipelineId: string | null;
  /** What differs from the defaults, by pipeline. */
  parameters: Record<string, Values>;
  prompts: Prompt[];
  /** Mixes that were sent, newest first. */
  history: Prompt[][];
  /** Length of a transition in frames; 0 is none. */
  steps: number;
  method: Method;
  inputView: InputView;
  muted: boolean;
  /** The drawer's open tab; null if it is closed. */
  drawer: string | null;
  /** Whether single-key shortcuts work. */
  shortcuts: boolean;
}

/** Settings of a page that is opened for the first time. */
export const DEFAULTS: Settings = {
  theme: "system",
  source: "camera",
  sourceNames: { video_file: "", recording: "" },
  cameraId: "",
  microphoneId: "",
  resolution: RESOLUTIONS[0],
  frameRate: FRAME_RATES[0],
  audio: false,
  measureDelay: false,
  codec: "auto",
  pipelineId: null,
  parameters: {},
  prompts: [],
  history: [],
  steps: 0,
  method: "linear",
  inputView: "inset",
  muted: true,
  drawer: null,
  shortcuts: true,
};
