import { isObject, parseJson } from "../lib/values";
import type { Values } from "../types/stream";

/** What was set at one moment: a pipeline, parameters, or both. */
export interface TimelineEvent {
  atMs: number;
  pipelineId?: string;
  parameters: Values;
}

const FORMAT = "scope-timeline";
const VERSION = 1;
/** A day, and about an hour of a slider in motion. */
const LONGEST_MS = 86_400_000;
export const MOST_EVENTS = 100_000;

/** The timeline as a file's text. */
export function written(events: TimelineEvent[]): string {
  const lines = events.map(({ atMs, pipelineId, parameters }) => ({
    at_ms: Math.round(atMs),
    ...(pipelineId === undefined ? {} : { pipeline_id: pipelineId }),
    parameters,
  }));
  return JSON.stringify({ format: FORMAT, version: VERSION, events: lines }, null, 2) + "\n";
}

/** The events in the text of a file; throws a sentence that says what is wrong. */
export function readTimeline(text: string): TimelineEvent[] {
  const file = parseJson(text);
  if (file === undefined) throw new Error("This file is not valid JSON; choose one that Export saved.");
  if (!isObject(file) || file["format"] !== FORMAT) {
    throw new Error(`This file is not a timeline: "format" is not "${FORMAT}".`);
  }
  if (file["version"] !== VERSION) {
    throw new Error(
      `This timeline has version ${String(file["version"])}; this page reads version ${VERSION}.`,
    );
  }
  const { events } = file;
  if (!Array.isArray(events)) throw new Error('This timeline has no "events" list.');
  if (events.length > MOST_EVENTS) {
    throw new Error(`This timeline has ${events.length} events; the maximum is ${MOST_EVENTS}.`);
  }
  const read = events.map((event: unknown, index) => eventOf(event, index + 1));
  return read.sort((one, other) => one.atMs - other.atMs);
}

function eventOf(event: unknown, number: number): TimelineEvent {
  if (!isObject(event)) throw new Error(`Event ${number} of this timeline is not an object.`);
  const { at_ms: atMs, pipeline_id: pipelineId, parameters = {} } = event;
  if (typeof atMs !== "number" || !(atMs >= 0 && atMs <= LONGEST_MS)) {
    throw new Error(`Event ${number} of this timeline: expected "at_ms" from 0 to ${LONGEST_MS}.`);
  }
  if (pipelineId !== undefined && typeof pipelineId !== "string") {
    throw new Error(`Event ${number} of this timeline: expected "pipeline_id" to be text.`);
  }
  if (!isObject(parameters))
    throw new Error(`Event ${number} of this timeline: expected "parameters" to be an object.`);
  return { atMs, parameters: parameters as Values, ...(pipelineId === undefined ? {} : { pipelineId }) };
}
