import { hasMediaDevices } from "../rtc/sources";
import type { CodecChoice, SourceKind } from "../types/stream";

const SOURCES: SourceKind[] = ["camera", "screen", "file", "pattern"];
const CODECS: CodecChoice[] = ["auto", "VP8", "VP9", "H264"];

export interface Setup {
  source: SourceKind;
  codec: CodecChoice;
  pipelineId: string | null;
  autostart: boolean;
}

/** What a link asks for: `?source=pattern&codec=VP8&pipeline=echo&autostart=1`. */
export function setupOf(search: string): Setup {
  const query = new URLSearchParams(search);
  const source = SOURCES.find((kind) => kind === query.get("source"));
  const codec = CODECS.find((name) => name === query.get("codec"));
  return {
    source: source ?? (hasMediaDevices() ? "camera" : "pattern"),
    codec: codec ?? "auto",
    pipelineId: query.get("pipeline"),
    autostart: query.get("autostart") === "1",
  };
}
