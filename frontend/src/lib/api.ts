import type { Me } from "../types/account";
import type { AnswerOf, Pipeline, ServerFile } from "../types/api";
import type { Recording } from "../types/figures";
import type { ServerKind, Values } from "../types/stream";
import { json, request, text } from "./http";

/** Shorter than the 10 s for which the server holds a lost session, so that a retry can still resume it. */
const ICE_SERVERS_MS = 3000;
/** A figure that is later than this is useless; the next request asks again. */
const FIGURES_MS = 5000;
/** The server gives Graphviz 10 s, after up to 5 s in its queue. */
const GRAPH_MS = 20_000;

const OFFER = "/api/v1/webrtc/offer";
const WAITING = "/api/v1/waiting";
const SESSIONS = "/api/v1/sessions";
const RECORDINGS = "/api/v1/recordings";

export type Answer = AnswerOf<typeof OFFER, "post">;

/** A place in the waiting line of a full server. */
export type Place = AnswerOf<"/api/v1/waiting/{ticket}">;

export function me(signal?: AbortSignal): Promise<Me> {
  return json("/api/v1/me", signal ? { signal } : {});
}

/** The browser keeps the sign-in in a cookie that scripts cannot read. */
export async function signIn(key: string): Promise<void> {
  await request("/api/v1/sign-in", { method: "POST", body: { key } });
}

export async function signOut(): Promise<void> {
  await request("/api/v1/sign-out", { method: "POST" });
}

export async function iceServers(): Promise<RTCIceServer[]> {
  const path = "/api/v1/webrtc/ice-servers";
  return (await json<AnswerOf<typeof path>>(path, { limitMs: ICE_SERVERS_MS })).iceServers;
}

/** What a session starts with, and the tokens that give it an earlier one's stage or a place that is held for it. */
export interface OfferOptions {
  initialParameters: Values;
  resumeToken: string | null;
  waitingToken: string | null;
}

export function offer(sdp: string, options: OfferOptions): Promise<Answer | Place> {
  return json(OFFER, { method: "POST", body: { sdp, type: "offer", ...options } });
}

export function place(ticket: string, signal: AbortSignal): Promise<Place> {
  return json(under(WAITING, ticket), { signal });
}

/** Also while the page goes away. */
export async function leaveLine(ticket: string): Promise<void> {
  await request(under(WAITING, ticket), { method: "DELETE", keepalive: true });
}

export async function addCandidates(sessionId: string, candidates: RTCIceCandidateInit[]): Promise<void> {
  await request(under(OFFER, sessionId), { method: "PATCH", body: { candidates } });
}

/** Ends a session, also while the page goes away. */
export async function closeSession(sessionId: string): Promise<void> {
  await request(under(OFFER, sessionId), { method: "DELETE", keepalive: true });
}

export async function pipelines(): Promise<Pipeline[]> {
  const path = "/api/v1/pipelines/schemas";
  return Object.values((await json<AnswerOf<typeof path>>(path)).pipelines);
}

/** The pipeline of a session that chooses none. */
export async function loadedPipeline(): Promise<string> {
  const path = "/api/v1/pipeline/status";
  return (await json<AnswerOf<typeof path>>(path)).pipeline_id ?? "echo";
}

/** The files on the server that can be the source of a session. */
export async function inputFiles(kind: ServerKind): Promise<ServerFile[]> {
  const path = `/api/v1/input-sources/${kind}/sources`;
  return (await json<AnswerOf<"/api/v1/input-sources/{kind}/sources">>(path)).sources;
}

export function system(signal: AbortSignal): Promise<AnswerOf<"/api/v1/system">> {
  return json("/api/v1/system", { signal, limitMs: FIGURES_MS });
}

export function sessionDetail(id: string, signal: AbortSignal): Promise<AnswerOf<"/api/v1/sessions/{id}">> {
  return json(under(SESSIONS, id), { signal, limitMs: FIGURES_MS });
}

export type LogLines = AnswerOf<"/api/v1/logs/tail">;

/** The newest lines, or with `since` those after it. */
export function logTail(lines: number, since: number | null, signal: AbortSignal): Promise<LogLines> {
  const query = new URLSearchParams({ lines: String(lines) });
  if (since !== null) query.set("since_offset", String(since));
  return json(`/api/v1/logs/tail?${query}`, { signal, limitMs: FIGURES_MS });
}

/** The session's graph as an image. */
export async function graphSvg(id: string, signal: AbortSignal): Promise<Blob> {
  const svg = await text(under(SESSIONS, id, "graph.svg"), { signal, limitMs: GRAPH_MS });
  return new Blob([svg], { type: "image/svg+xml" });
}

/** The session's graph as `gst-launch-1.0` lines. */
export function launchLine(id: string, signal: AbortSignal): Promise<string> {
  return text(under(SESSIONS, id, "launch"), { signal, limitMs: FIGURES_MS });
}

export function graphDotPath(id: string): string {
  return under(SESSIONS, id, "graph.dot");
}

export async function recordings(signal: AbortSignal): Promise<Recording[]> {
  return (await json<AnswerOf<typeof RECORDINGS>>(RECORDINGS, { signal })).recordings;
}

/** Starts recording what the session sends; with `input` also what it receives. Returns the recording's id. */
export async function startRecording(sessionId: string, input: boolean): Promise<string | null> {
  const body = input ? { input } : {};
  const path = under(RECORDINGS, sessionId, "start");
  const started = await json<AnswerOf<"/api/v1/recordings/{id}/start", "post">>(path, {
    method: "POST",
    body,
  });
  return started.id;
}

export async function stopRecording(sessionId: string): Promise<void> {
  await request(under(RECORDINGS, sessionId, "stop"), { method: "POST" });
}

export async function deleteRecording(id: string): Promise<void> {
  await request(under(RECORDINGS, id), { method: "DELETE" });
}

/** Where a file of a recording is played from. */
export function recordingPath(id: string, file: string): string {
  return under(RECORDINGS, id, file);
}

/** Where it is downloaded from. */
export function downloadPath(id: string, file: string): string {
  return `${recordingPath(id, file)}?download`;
}

function under(root: string, ...parts: string[]): string {
  return [root, ...parts.map(encodeURIComponent)].join("/");
}
