import { afterEach, expect, it, vi } from "vitest";

import { offer } from "./api";
import { ApiError, json, messageOf, onRefusal, request } from "./http";

afterEach(() => vi.unstubAllGlobals());

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify(body), { status, headers })));
}

const WITHOUT_TOKENS = { initialParameters: {}, resumeToken: null, waitingToken: null };

async function rejection(): Promise<ApiError> {
  const error: unknown = await offer("sdp", WITHOUT_TOKENS).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

it("keeps the server's sentence, code and wait", async () => {
  answer(503, { detail: "the server is full", code: "server_full" }, { "retry-after": "2" });

  const error = await rejection();

  expect(error).toMatchObject({
    message: "the server is full",
    code: "server_full",
    retryAfterS: 2,
    passing: true,
  });
});

it("does not retry a bad offer", async () => {
  answer(400, { detail: "no video", code: "no_video" });

  expect((await rejection()).passing).toBe(false);
});

it("names the field of a validation error", () => {
  expect(messageOf({ detail: [{ loc: ["body", "sdp"], msg: "expected a string" }] }, 422)).toBe(
    "sdp: expected a string",
  );
});

it("says that the server is not reachable, and may retry", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));

  const error = await rejection();

  expect(error.message).toContain("not reachable");
  expect(error.passing).toBe(true);
});

it("has a sentence for an error without a body", () => {
  expect(messageOf(null, 502)).toContain("502");
});

it("sends a token and takes a new one", async () => {
  let sent: unknown;
  vi.stubGlobal("fetch", (_path: string, init: RequestInit) => {
    sent = JSON.parse(String(init.body));
    return Promise.resolve(Response.json({ sdp: "a", sessionId: "s", resumeToken: "new", resumed: true }));
  });

  const answer = await offer("sdp", {
    ...WITHOUT_TOKENS,
    initialParameters: { work_ms: 1 },
    resumeToken: "old",
  });

  expect(sent).toEqual({
    sdp: "sdp",
    type: "offer",
    initialParameters: { work_ms: 1 },
    resumeToken: "old",
    waitingToken: null,
  });
  expect(answer).toEqual({ sdp: "a", sessionId: "s", resumeToken: "new", resumed: true });
});

it("says that a server did not answer in time", async () => {
  vi.stubGlobal("fetch", (_path: string, { signal }: RequestInit) => {
    return new Promise((_, fail) => signal?.addEventListener("abort", () => fail(signal.reason)));
  });

  const error: unknown = await request("/health", { limitMs: 20 }).catch((caught: unknown) => caught);

  expect(error).toMatchObject({ code: "timeout", passing: true });
  expect((error as ApiError).message).toContain("within 0.02 s");
});

it("says that an answer is not JSON", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("<html>")));

  await expect(json("/api/v1/system")).rejects.toMatchObject({ code: "no_json", passing: false });
});

it("tells of every refusal for who asks, and of nothing else", async () => {
  const refused = vi.fn();
  const stop = onRefusal(refused);
  for (const status of [401, 403, 404, 503]) {
    answer(status, { detail: "no" });
    await request("/api/v1/system").catch(() => undefined);
  }
  stop();
  answer(401, { detail: "no" });

  expect(await rejection()).toMatchObject({ signedOut: true, passing: false });

  expect(refused).toHaveBeenCalledTimes(2);
});
