import { CODECS, MAX_STEPS, METHODS, type Prompt, SOURCES, type Settings } from "../types/setup";
import type { Json, Values } from "../types/stream";
import { inputSourceOf, isServerKind } from "./serverFiles";
import { parseJson } from "./values";

const NO_NAMES = { video_file: "", recording: "" };
/** Prefix of a parameter's name in a link. */
const SET = "set.";

export interface Setup {
  /** Settings in the link. */
  settings: Partial<Settings>;
  /** Parameters of the link's pipeline. */
  parameters: Values;
  autostart: boolean;
}

/**
 * Reads a link such as
 * `?pipeline=dream&source=text&prompt=night&weight=1&prompt=fire&weight=0.5&steps=8&set.noise_scale=0.7&autostart=1`.
 * Invalid values are ignored.
 */
export function setupOf(search: string): Setup {
  const query = new URLSearchParams(search);
  const source = SOURCES.find((kind) => kind === query.get("source"));
  const name = query.get("source_name");
  const codec = CODECS.find((name) => name === query.get("codec"));
  const method = METHODS.find((name) => name === query.get("method"));
  const pipelineId = query.get("pipeline");
  const steps = Number(query.get("steps") ?? NaN);
  const prompts = promptsOf(query);
  return {
    settings: {
      ...(source ? { source, measureDelay: source === "pattern" } : {}),
      ...(source && isServerKind(source) && name ? { sourceNames: { ...NO_NAMES, [source]: name } } : {}),
      ...(codec ? { codec } : {}),
      ...(pipelineId ? { pipelineId } : {}),
      ...(prompts.length > 0 ? { prompts } : {}),
      ...(Number.isInteger(steps) && steps >= 0 && steps <= MAX_STEPS ? { steps } : {}),
      ...(method ? { method } : {}),
    },
    parameters: parametersOf(query),
    autostart: query.get("autostart") === "1",
  };
}

/** A link to this setup. */
export function linkOf(
  origin: string,
  settings: Settings,
  pipelineId: string | null,
  values: Values,
): string {
  const query = new URLSearchParams();
  if (pipelineId) query.set("pipeline", pipelineId);
  query.set("source", settings.source);
  const inputSource = inputSourceOf(settings);
  if (inputSource) query.set("source_name", inputSource.source_name);
  if (settings.codec !== "auto") query.set("codec", settings.codec);
  for (const { text, weight } of settings.prompts) {
    if (text.trim() === "") continue;
    query.append("prompt", text);
    query.append("weight", String(weight));
  }
  if (settings.steps > 0) {
    query.set("steps", String(settings.steps));
    query.set("method", settings.method);
  }
  for (const [name, value] of Object.entries(values)) query.set(SET + name, JSON.stringify(value));
  return `${origin}/?${query.toString()}`;
}

function promptsOf(query: URLSearchParams): Prompt[] {
  const weights = query.getAll("weight").map(Number);
  return query.getAll("prompt").flatMap((text, at) => {
    const weight = weights[at] ?? 1;
    return text.trim() === "" ? [] : [{ text, weight: weight >= 0 && weight <= 100 ? weight : 1 }];
  });
}

/** Values are JSON; anything else is taken as text, for links that are written by hand. */
function parametersOf(query: URLSearchParams): Values {
  const values: Record<string, Json> = {};
  for (const [key, text] of query) {
    if (key.startsWith(SET)) values[key.slice(SET.length)] = parseJson(text) ?? text;
  }
  return values;
}
