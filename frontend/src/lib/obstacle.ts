import type { Pipeline } from "../types/api";
import type { SourceKind } from "../types/stream";
import { needsNoInput } from "./controls";

/** What stands in the way of a start, and what to do; null where nothing does. */
export function obstacleOf(source: SourceKind, hasFile: boolean, pipeline: Pipeline | null): string | null {
  if (source === "file" && !hasFile) return "Choose a video file first.";
  if (source === "text" && pipeline && !needsNoInput(pipeline)) {
    return `${pipeline.name} works on a picture: choose a source, or a pipeline that needs no camera.`;
  }
  return null;
}
