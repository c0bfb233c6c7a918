import type { Pipeline } from "../types/api";
import type { Settings } from "../types/setup";
import { needsNoInput } from "./controls";
import { inputSourceOf, isServerKind } from "./serverFiles";

/** What has to be done before a start, as a sentence; null if nothing has. */
export function obstacleOf(settings: Settings, hasFile: boolean, pipeline: Pipeline | null): string | null {
  const { source } = settings;
  if (source === "file" && !hasFile) return "Choose a video file first.";
  if (isServerKind(source) && !inputSourceOf(settings)) return "Choose one of the server's files first.";
  if (source === "text" && pipeline && !needsNoInput(pipeline)) {
    return `${pipeline.name} needs an input: choose a source, or a pipeline that works without one.`;
  }
  return null;
}
