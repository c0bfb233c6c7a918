import type { Pipeline } from "../types/api";
import type { Settings } from "../types/setup";
import { needsNoInput } from "./controls";
import { inputSourceOf, isServerKind } from "./serverFiles";

/** What stands in the way of a start, and what to do; null where nothing does. */
export function obstacleOf(settings: Settings, hasFile: boolean, pipeline: Pipeline | null): string | null {
  const { source } = settings;
  if (source === "file" && !hasFile) return "Choose a video file first.";
  if (isServerKind(source) && !inputSourceOf(settings)) return "Choose one of the server's files first.";
  if (source === "text" && pipeline && !needsNoInput(pipeline)) {
    return `${pipeline.name} works on a picture: choose a source, or a pipeline that needs no camera.`;
  }
  return null;
}
