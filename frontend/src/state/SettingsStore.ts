import { isObject, parseJson } from "../lib/values";
import { Store } from "../lib/store";
import {
  CODECS,
  DEFAULTS,
  FRAME_RATES,
  INPUT_VIEWS,
  MAX_STEPS,
  METHODS,
  type Prompt,
  RESOLUTIONS,
  SERVER_KINDS,
  SOURCES,
  type Settings,
  THEMES,
} from "../types/setup";
import type { Values } from "../types/stream";

export const SETTINGS_KEY = "scope.settings";
/** Raised when a field changes its meaning; settings of another version are ignored. */
const VERSION = 1;
export const MAX_PROMPTS = 16;
export const HISTORY_KEPT = 20;

type Check<T> = (value: unknown) => value is T;
type Checks = { [Name in keyof Settings]: Check<Settings[Name]> };

const one =
  <T>(of: readonly T[]): Check<T> =>
  (value): value is T =>
    of.includes(value as T);
const text: Check<string> = (value) => typeof value === "string";
const flag: Check<boolean> = (value) => typeof value === "boolean";
const textOrNull: Check<string | null> = (value): value is string | null => value === null || text(value);
const byPipeline: Check<Record<string, Values>> = (value): value is Record<string, Values> =>
  isObject(value) && Object.values(value).every(isObject);

/** A list of prompts as the page stores and sends it. */
export const isPrompts: Check<Prompt[]> = (value): value is Prompt[] =>
  Array.isArray(value) && value.length <= MAX_PROMPTS && value.every(isPrompt);

function isPrompt(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { text: words, weight } = value;
  return text(words) && typeof weight === "number" && weight >= 0 && weight <= 100;
}

const CHECKS: Checks = {
  theme: one(THEMES),
  source: one(SOURCES),
  sourceNames: (value): value is Settings["sourceNames"] =>
    isObject(value) && SERVER_KINDS.every((kind) => text(value[kind])),
  cameraId: text,
  microphoneId: text,
  resolution: one<string>(RESOLUTIONS),
  frameRate: one<number>(FRAME_RATES),
  audio: flag,
  measureDelay: flag,
  codec: one(CODECS),
  pipelineId: textOrNull,
  parameters: byPipeline,
  prompts: isPrompts,
  history: (value): value is Prompt[][] =>
    Array.isArray(value) && value.length <= HISTORY_KEPT && value.every(isPrompts),
  steps: (value): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_STEPS,
  method: one(METHODS),
  inputView: one(INPUT_VIEWS),
  muted: flag,
  drawer: textOrNull,
  shortcuts: flag,
};

/** A person's settings, stored in the browser; each field is checked when it is read back. */
export class SettingsStore extends Store<Settings> {
  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem"> | null,
    first: Partial<Settings> = {},
  ) {
    super({ ...DEFAULTS, ...read(storage), ...first });
  }

  readonly set = (change: Partial<Settings>): void => {
    this.update(change);
    try {
      this.storage?.setItem(SETTINGS_KEY, JSON.stringify({ version: VERSION, ...this.getSnapshot() }));
    } catch {
      // Storage is full or forbidden: the page works, but does not remember.
    }
  };

  /** Sets one pipeline's parameters; other pipelines keep theirs. */
  readonly setParameters = (pipelineId: string, values: Values): void =>
    this.set({ parameters: { ...this.getSnapshot().parameters, [pipelineId]: values } });
}

function read(storage: Pick<Storage, "getItem"> | null): Partial<Settings> {
  const kept = parseJson(storage?.getItem(SETTINGS_KEY) ?? "");
  if (!isObject(kept) || kept["version"] !== VERSION) return {};
  const fields = Object.entries(CHECKS).filter(([name, check]) => name in kept && check(kept[name]));
  return Object.fromEntries(fields.map(([name]) => [name, kept[name]]));
}
