import type { Host, SessionDetail } from "../types/figures";
import { request } from "./api";

/** A figure that comes later than this is of no use; the next request asks anew. */
const LIMIT_MS = 5000;
/** Graphviz has 10 s, and 5 s to wait for its turn. */
const GRAPH_LIMIT_MS = 20_000;

export interface LogLines {
  lines: string[];
  /** Where the next request goes on. */
  offset: number;
}

export async function system(signal: AbortSignal): Promise<Host> {
  return (await get("/api/v1/system", signal).then((response) => response.json())) as Host;
}

export async function session(id: string, signal: AbortSignal): Promise<SessionDetail> {
  return (await get(sessionPath(id), signal).then((response) => response.json())) as SessionDetail;
}

/** The newest lines, or with `since` those after it. */
export async function logTail(lines: number, since: number | null, signal: AbortSignal): Promise<LogLines> {
  const query = new URLSearchParams({ lines: String(lines) });
  if (since !== null) query.set("since_offset", String(since));
  return (await get(`/api/v1/logs/tail?${query}`, signal).then((response) => response.json())) as LogLines;
}

/** The session's graph as a picture. */
export async function graphSvg(id: string, signal: AbortSignal): Promise<Blob> {
  const text = await (await get(`${sessionPath(id)}/graph.svg`, signal, GRAPH_LIMIT_MS)).text();
  return new Blob([text], { type: "image/svg+xml" });
}

/** The session's graph as `gst-launch-1.0` lines. */
export async function launchLine(id: string, signal: AbortSignal): Promise<string> {
  return (await get(`${sessionPath(id)}/launch`, signal)).text();
}

export function graphDotPath(id: string): string {
  return `${sessionPath(id)}/graph.dot`;
}

function sessionPath(id: string): string {
  return `/api/v1/sessions/${encodeURIComponent(id)}`;
}

function get(path: string, signal: AbortSignal, limitMs = LIMIT_MS): Promise<Response> {
  return request(path, { signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]) });
}

/** What went wrong, for a person. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
