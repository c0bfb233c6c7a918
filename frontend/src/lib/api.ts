import type { Pipeline } from "../types/api";
import type { Values } from "../types/stream";

/** What the server refused, or that it was not reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds that the server asks to wait. */
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }

  /** Whether the same request may work later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

export interface Answer {
  sdp: string;
  sessionId: string | null;
  /** With this a later offer takes the session over. */
  resumeToken: string | null;
  resumed: boolean;
}

/** A try that hangs must not outlast the server's patience with a lost connection, 10 s. */
const ICE_SERVERS_MS = 3000;

export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, "unreachable", "The server is not reachable; check that it runs.");
  }
  if (response.ok) return response;
  const retryAfter = Number(response.headers.get("retry-after"));
  const body: unknown = await response.json().catch(() => null);
  throw new ApiError(
    response.status,
    codeOf(body),
    sentenceOf(body, response.status),
    retryAfter > 0 ? retryAfter : null,
  );
}

/** The sentence of an error body, whichever of its two shapes it has. */
export function sentenceOf(body: unknown, status: number): string {
  const detail = isObject(body) ? body["detail"] : null;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) {
    const parts = detail.filter(isObject).map((fault) => {
      const place = Array.isArray(fault["loc"]) ? fault["loc"].slice(1).join(".") : "";
      return place ? `${place}: ${String(fault["msg"])}` : String(fault["msg"]);
    });
    return parts.join("; ");
  }
  return `The server answered with status ${status}; try again, and look into its log if it stays.`;
}

function codeOf(body: unknown): string {
  return isObject(body) && typeof body["code"] === "string" ? body["code"] : "unknown";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function json(method: string, body: unknown): RequestInit {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

export async function iceServers(): Promise<RTCIceServer[]> {
  const response = await request("/api/v1/webrtc/ice-servers", {
    signal: AbortSignal.timeout(ICE_SERVERS_MS),
  });
  const body = (await response.json()) as { iceServers: RTCIceServer[] };
  return body.iceServers;
}

export async function pipelines(): Promise<Pipeline[]> {
  const response = await request("/api/v1/pipelines/schemas");
  const body = (await response.json()) as { pipelines: Record<string, Pipeline> };
  return Object.values(body.pipelines);
}

/** The pipeline that a session without a choice gets. */
export async function loadedPipeline(): Promise<string> {
  const response = await request("/api/v1/pipeline/status");
  const body = (await response.json()) as { pipeline_id: string | null };
  return body.pipeline_id ?? "echo";
}

export async function offer(
  sdp: string,
  initialParameters: Values,
  resumeToken: string | null,
): Promise<Answer> {
  const resume = resumeToken === null ? {} : { resumeToken };
  const response = await request(
    "/api/v1/webrtc/offer",
    json("POST", { sdp, type: "offer", initialParameters, ...resume }),
  );
  const body = (await response.json()) as Partial<Answer> & { sdp: string };
  return {
    sdp: body.sdp,
    sessionId: body.sessionId ?? null,
    resumeToken: body.resumeToken ?? null,
    resumed: body.resumed ?? false,
  };
}

export async function addCandidates(sessionId: string, candidates: RTCIceCandidateInit[]): Promise<void> {
  await request(`/api/v1/webrtc/offer/${encodeURIComponent(sessionId)}`, json("PATCH", { candidates }));
}

/** Ends a session, also while the page goes away. */
export async function closeSession(sessionId: string): Promise<void> {
  const path = `/api/v1/webrtc/offer/${encodeURIComponent(sessionId)}`;
  await request(path, { method: "DELETE", keepalive: true });
}
