import { isObject } from "./values";

/** The server answers within 15 s, and a slow network needs some more; repeated requests have shorter limits. */
const LIMIT_MS = 20_000;

/** A request that the server rejected, or that did not reach it (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds to wait before the next attempt, if the server asks for that. */
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }

  /** Whether the same request may succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** Whether the server does not know who asks. */
  get signedOut(): boolean {
    return this.status === 401;
  }
}

const refusals = new Set<() => void>();

/** Calls `listener` whenever the server refuses a request for who asks (401, 403). Returns a function that stops it. */
export function onRefusal(listener: () => void): () => void {
  refusals.add(listener);
  return () => refusals.delete(listener);
}

export interface RequestOptions {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  /** Sent as JSON. */
  body?: unknown;
  /** Ends the request early. */
  signal?: AbortSignal;
  limitMs?: number;
  /** The request outlives the page. */
  keepalive?: boolean;
}

/** The answer to a request as JSON. Throws an `ApiError` whose message is a sentence for a person. */
export async function json<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await request(path, options);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(
      response.status,
      "no_json",
      "The answer is not JSON; check that Scope serves this address.",
    );
  }
}

/** The answer as text. */
export async function text(path: string, options: RequestOptions = {}): Promise<string> {
  return (await request(path, options)).text();
}

/** Waits for the answer's status only. */
export async function request(
  path: string,
  { method = "GET", body, signal, limitMs = LIMIT_MS, keepalive = false }: RequestOptions = {},
): Promise<Response> {
  const limit = AbortSignal.timeout(limitMs);
  const payload = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      keepalive,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      ...(body === undefined ? {} : payload),
    });
  } catch {
    if (limit.aborted)
      throw new ApiError(0, "timeout", `The server did not answer within ${limitMs / 1000} s.`);
    throw new ApiError(0, "unreachable", "The server is not reachable; check that it is running.");
  }
  if (response.ok) return response;
  if (response.status === 401 || response.status === 403) for (const refused of refusals) refused();
  const retryAfter = Number(response.headers.get("retry-after"));
  const rejection: unknown = await response.json().catch(() => null);
  throw new ApiError(
    response.status,
    isObject(rejection) && typeof rejection["code"] === "string" ? rejection["code"] : "unknown",
    messageOf(rejection, response.status),
    retryAfter > 0 ? retryAfter : null,
  );
}

/** The sentence of an error body, whichever of its two shapes it has. */
export function messageOf(body: unknown, status: number): string {
  const detail = isObject(body) ? body["detail"] : null;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) {
    const parts = detail.filter(isObject).map((fault) => {
      const place = Array.isArray(fault["loc"]) ? fault["loc"].slice(1).join(".") : "";
      return place ? `${place}: ${String(fault["msg"])}` : String(fault["msg"]);
    });
    return parts.join("; ");
  }
  return `The server answered with status ${status}; if it persists, check the server's log.`;
}
