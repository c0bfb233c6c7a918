import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Recording, RecordingMessage } from "../types/figures";
import { Recorder } from "./Recorder";

let requests: { method: string; path: string; body: string }[];
let list: Recording[];
let refusal: { status: number; body: object } | null;

/** What the server says on the data channel of the recording `r1`. */
function said(change: Partial<RecordingMessage>): RecordingMessage {
  return {
    type: "recording",
    state: "running",
    id: "r1",
    sentence: "it goes on",
    seconds: 0,
    bytes: 0,
    ...change,
  };
}

const RECORDING: Recording = {
  id: "r1",
  sessions: ["s0", "s1"],
  pipeline_id: "echo",
  started: "2026-11-24T18:00:00Z",
  seconds: 12,
  bytes: 3000,
  state: "recording",
  sentence: null,
  files: [
    {
      name: "output-0.webm",
      bytes: 3000,
      kind: "output",
      codec: "VP8",
      width: 640,
      height: 480,
      sound: false,
      at_s: 0,
    },
  ],
};

beforeEach(() => {
  vi.useFakeTimers();
  requests = [];
  list = [];
  refusal = null;
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
    const method = init.method ?? "GET";
    requests.push({ method, path, body: String(init.body ?? "") });
    if (method !== "GET" && refusal) {
      return Promise.resolve(Response.json(refusal.body, { status: refusal.status }));
    }
    if (method === "GET") return Promise.resolve(Response.json({ recordings: list }));
    if (method === "DELETE") return Promise.resolve(new Response(null, { status: 204 }));
    const status = path.endsWith("start") ? "started" : "stopped";
    return Promise.resolve(Response.json({ status, id: "r1" }));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const asked = () => requests.filter((request) => request.method !== "GET");

it("records the session, and its input on request", async () => {
  const recorder = new Recorder();
  recorder.follow("s 1");

  await recorder.start(true);
  expect(recorder.getSnapshot().status).toEqual({
    active: true,
    id: "r1",
    seconds: 0,
    bytes: 0,
    sentence: null,
  });
  await recorder.stop();

  expect(recorder.getSnapshot().status?.active).toBe(false);
  expect(asked().map(({ path, body }) => [path, body])).toEqual([
    ["/api/v1/recordings/s%201/start", '{"input":true}'],
    ["/api/v1/recordings/s%201/stop", ""],
  ]);
});

it("says why nothing is recorded", async () => {
  const recorder = new Recorder();
  await recorder.start(false);
  expect(recorder.getSnapshot().sentence).toContain("press Start");

  recorder.follow("s1");
  refusal = { status: 507, body: { detail: "the recordings folder is full", code: "quota" } };
  await recorder.start(false);

  expect(recorder.getSnapshot()).toMatchObject({
    busy: false,
    status: null,
    sentence: "the recordings folder is full",
  });
});

it("takes running time and size from the data channel, and a failure's sentence", () => {
  const recorder = new Recorder();
  recorder.follow("s1");

  recorder.onMessage(said({ state: "started" }));
  recorder.onMessage(said({ seconds: 3, bytes: 900 }));
  expect(recorder.getSnapshot().status).toMatchObject({ active: true, seconds: 3, bytes: 900 });
  recorder.onMessage(said({ state: "failed", sentence: "the disk is full", seconds: 3, bytes: 900 }));

  expect(recorder.getSnapshot().status).toEqual({
    active: false,
    id: "r1",
    seconds: 3,
    bytes: 900,
    sentence: "the disk is full",
  });
});

it("finds a recording that outlived a reload of the page, and its end", async () => {
  const recorder = new Recorder();
  recorder.follow("s1");
  list = [RECORDING];

  const stop = recorder.watch();
  await vi.advanceTimersByTimeAsync(0);
  expect(recorder.getSnapshot().status).toMatchObject({ active: true, id: "r1", seconds: 12 });
  recorder.onMessage(said({ seconds: 14, bytes: 4000 }));
  await vi.advanceTimersByTimeAsync(2000);
  expect(recorder.getSnapshot().status).toMatchObject({ seconds: 14, bytes: 4000 });
  list = [{ ...RECORDING, state: "failed", seconds: 15, sentence: "the folder is gone" }];
  await vi.advanceTimersByTimeAsync(2000);

  expect(recorder.getSnapshot().status).toMatchObject({
    active: false,
    seconds: 15,
    sentence: "the folder is gone",
  });
  stop();
});

it("says that the list is out of date while the server is not reachable, and keeps it", async () => {
  const recorder = new Recorder();
  list = [RECORDING];
  const stop = recorder.watch();
  await vi.advanceTimersByTimeAsync(0);

  const fetch = globalThis.fetch;
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));
  await vi.advanceTimersByTimeAsync(2000);
  expect(recorder.getSnapshot().listSentence).toContain("not reachable");
  expect(recorder.getSnapshot().recordings?.length).toBe(1);
  vi.stubGlobal("fetch", fetch);
  await vi.advanceTimersByTimeAsync(2000);

  expect(recorder.getSnapshot().listSentence).toBeNull();
  stop();
});

it("says why a recording could not start at all", () => {
  const recorder = new Recorder();
  recorder.follow("s1");

  recorder.onMessage(said({ state: "failed", id: null, sentence: "the folder is gone" }));

  expect(recorder.getSnapshot().status).toMatchObject({ active: false, sentence: "the folder is gone" });
});

it("does not take the reason of a normal end for a failure", () => {
  const recorder = new Recorder();
  recorder.follow("s1");

  recorder.onMessage(said({ state: "stopped", sentence: "it was stopped", seconds: 4 }));

  expect(recorder.getSnapshot().status).toMatchObject({ active: false, seconds: 4, sentence: null });
});

it("lists the newest first and leaves other sessions' recordings alone", async () => {
  const recorder = new Recorder();
  recorder.follow("s2");
  const later = {
    ...RECORDING,
    id: "r2",
    started: "2026-11-25T08:00:00Z",
    sessions: ["s3"],
  };
  list = [RECORDING, later];

  const stop = recorder.watch();
  await vi.advanceTimersByTimeAsync(0);
  stop();

  const { recordings, status } = recorder.getSnapshot();
  expect(recordings?.map(({ id }) => id)).toEqual(["r2", "r1"]);
  expect(status).toBeNull();
});

it("deletes, also what is already gone, or says why not", async () => {
  const recorder = new Recorder();
  list = [{ ...RECORDING, state: "finished" }];
  const stop = recorder.watch();
  await vi.advanceTimersByTimeAsync(0);
  stop();

  refusal = { status: 409, body: { detail: "it is being written", code: "recording" } };
  await recorder.remove("r1");
  expect(recorder.getSnapshot().sentence).toBe("Could not delete the recording: it is being written");
  expect(recorder.getSnapshot().recordings?.length).toBe(1);
  refusal = { status: 404, body: { detail: "no recording r1", code: "not_found" } };
  await recorder.remove("r1");

  expect(recorder.getSnapshot().recordings).toEqual([]);
});

it("shows nothing of one person's recordings to the next", async () => {
  list = [RECORDING];
  const recorder = new Recorder();
  recorder.showTo("ada");
  recorder.follow("s1");
  const stop = recorder.watch();
  await vi.advanceTimersByTimeAsync(0);
  expect(recorder.getSnapshot().recordings).toHaveLength(1);

  recorder.showTo("ada");
  expect(recorder.getSnapshot().recordings).toHaveLength(1);
  recorder.showTo("bob");

  expect(recorder.getSnapshot()).toMatchObject({ recordings: null, status: null });
  stop();
});
