import { beforeEach, expect, it, vi } from "vitest";

import type { InputSource, StartOptions } from "../types/stream";
import type { StreamController } from "./StreamController";
import { FakePeer, accepted, fakeServer, lastOffer, live, offers, server } from "./fakes";

/** Sources that the test opens: the next one fails, or ends by itself. */
const sources = vi.hoisted(() => ({
  fails: false,
  all: [] as { kind: string; closed: boolean; onEnded: ((sentence: string) => void) | null }[],
}));

vi.mock("./sources", () => ({
  openSource: ({ source, sound, inputSource }: StartOptions) => {
    if (sources.fails) return Promise.reject(new Error("No such camera is connected."));
    const video = inputSource ? [] : [{ kind: "video", of: source }];
    const audio = sound ? [{ kind: "audio", of: source, enabled: true }] : [];
    const stream = {
      getTracks: () => [...video, ...audio],
      getVideoTracks: () => video,
      getAudioTracks: () => audio,
    };
    const opened = { kind: source, closed: false, onEnded: null };
    sources.all.push(opened);
    return Promise.resolve(
      Object.assign(opened, { stream, onStamp: null, player: null, close: () => (opened.closed = true) }),
    );
  },
}));

fakeServer();

beforeEach(() => {
  sources.fails = false;
  sources.all = [];
});

/** Sets something, and lets a frame pass, so that it is on its way. */
async function say(controller: StreamController, values: Parameters<StreamController["setParameters"]>[0]) {
  controller.setParameters(values);
  await vi.advanceTimersByTimeAsync(20);
}

it("sends the newest of each value once a frame", async () => {
  const controller = await live();

  controller.setParameters({ work_ms: 1 });
  controller.setParameters({ work_ms: 2 });
  controller.setPaused(true);
  await vi.advanceTimersByTimeAsync(20);

  expect(FakePeer.newest.channel.sent).toEqual(['{"work_ms":2,"paused":true,"id":1}']);
});

it("shows what the server refused at its parameter, until it is changed", async () => {
  const controller = await live();

  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/work_ms", message: "too much" }] });
  expect(controller.getSnapshot().rejected).toEqual({ work_ms: "too much" });
  controller.setParameters({ work_ms: 3 });

  expect(controller.getSnapshot().rejected).toEqual({});
});

it("forgets a refused value, so that it cannot break the next offer", async () => {
  const controller = await live();
  controller.setParameters({ work_ms: 9999, other: 1 });

  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/work_ms", message: "too much" }] });
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(lastOffer()).toMatchObject({ initialParameters: { pipeline_ids: ["echo"], other: 1 } });
  expect(offers().at(-1)?.body).not.toContain("work_ms");
});

it("goes back to the running pipeline when another one is refused", async () => {
  const controller = await live();
  controller.switchPipeline("nothing", {});

  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/pipeline_id", message: "no pipeline" }],
  });

  expect(controller.getSnapshot().pipelineId).toBe("echo");
});

it("sends what was said before the channel opened once it is open", async () => {
  const controller = await live();
  FakePeer.newest.channel.readyState = "connecting";
  controller.setPaused(true);
  await vi.advanceTimersByTimeAsync(20);
  expect(FakePeer.newest.channel.sent).toEqual([]);

  FakePeer.newest.channel.readyState = "open";
  FakePeer.newest.channel.onopen?.();

  expect(FakePeer.newest.channel.sent).toEqual(['{"paused":true,"id":2}']);
});

it("does not pull a slider in motion back to what the server has by then", async () => {
  const controller = await live();
  await say(controller, { work_ms: 1 });
  await say(controller, { work_ms: 2 });

  FakePeer.newest.say({ type: "parameters_updated", parameters: { work_ms: 1, other: 5 }, frame: 9, id: 1 });
  expect(controller.getSnapshot().parameters).toEqual({ work_ms: 2, other: 5 });
  FakePeer.newest.say({ type: "parameters_updated", parameters: { work_ms: 3, other: 5 }, frame: 9, id: 2 });

  expect(controller.getSnapshot().parameters).toEqual({ work_ms: 3, other: 5 });
});

it("puts a refused value back to the one in force", async () => {
  const controller = await live({ parameters: { work_ms: 4 } });
  await say(controller, { work_ms: 9999 });

  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/work_ms", message: "too much" }],
    id: 1,
  });

  expect(controller.getSnapshot()).toMatchObject({
    parameters: { work_ms: 4 },
    rejected: { work_ms: "too much" },
  });
});

it("tells where prompts are: sent, in force from a frame, refused", async () => {
  const controller = await live();
  const state = () => controller.getSnapshot().prompt;
  const prompts = [{ text: "night", weight: 1 }];
  expect(state().state).toBe("none");

  controller.setParameters({ prompts }, { transition: { num_steps: 4 } });
  await vi.advanceTimersByTimeAsync(20);
  expect(state().state).toBe("sent");
  expect(JSON.parse(FakePeer.newest.channel.sent.at(-1) ?? "")).toEqual({
    prompts,
    transition: { num_steps: 4 },
    id: 1,
  });
  FakePeer.newest.say({ type: "parameters_updated", parameters: { prompts }, frame: 120, id: 1 });
  expect(state()).toEqual({ state: "in force", frame: 120, atOnce: false });
  await say(controller, { prompts: 3 });
  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/prompts", message: "no" }], id: 2 });

  expect(state().state).toBe("refused");
  expect(controller.getSnapshot().parameters).toEqual({ prompts });
});

it("keeps no transition for the next offer", async () => {
  const controller = await live();
  controller.setParameters({ prompts: [] }, { transition: { num_steps: 4 } });

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(offers().at(-1)?.body).not.toContain("transition");
});

it("shows a switch until the pipeline has taken over", async () => {
  const controller = await live();

  controller.switchPipeline("dream", { seed: 1 });
  await vi.advanceTimersByTimeAsync(20);
  expect(FakePeer.newest.channel.sent).toEqual(['{"pipeline_id":"dream","seed":1,"id":1}']);
  expect(controller.getSnapshot()).toMatchObject({ pipelineId: "dream", switchingTo: "dream" });
  FakePeer.newest.say({ type: "pipeline_changed", pipeline_id: "dream", frame: 7 });

  expect(controller.getSnapshot()).toMatchObject({ pipelineId: "dream", switchingTo: null });
});

it("stays with the newest choice when an older one is refused or comes late", async () => {
  const controller = await live();
  controller.switchPipeline("dream", {});
  await vi.advanceTimersByTimeAsync(20);
  controller.switchPipeline("neon", {});
  await vi.advanceTimersByTimeAsync(20);

  FakePeer.newest.say({ type: "pipeline_changed", pipeline_id: "dream", frame: 7 });
  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/pipeline_id", message: "another was chosen" }],
    id: 1,
  });

  expect(controller.getSnapshot()).toMatchObject({ pipelineId: "neon", switchingTo: "neon" });
});

it("goes back to the parameters, too, of the pipeline that stays", async () => {
  const controller = await live({ parameters: { work_ms: 4 } });
  controller.switchPipeline("dream", { seed: 1 });
  await vi.advanceTimersByTimeAsync(20);

  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/pipeline_id", message: "dream cannot start" }],
    id: 1,
  });

  expect(controller.getSnapshot()).toMatchObject({
    pipelineId: "echo",
    switchingTo: null,
    parameters: { work_ms: 4 },
    rejected: { pipeline_id: "dream cannot start" },
  });
});

it("sends another source on the same session", async () => {
  const controller = await live();

  await controller.changeSource({ source: "screen" });

  expect(FakePeer.newest.senders).toMatchObject([
    { track: { of: "screen" } },
    { kind: "audio", track: null },
  ]);
  expect(sources.all).toMatchObject([{ closed: true }, { kind: "screen", closed: false }]);
  expect(offers()).toHaveLength(1);
});

it("offers the newest source when it connects again", async () => {
  const controller = await live();
  await controller.changeSource({ source: "file" });
  server.answers = [() => accepted("s2", true)];

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.deliver();

  expect(controller.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s2" });
  expect(lastOffer()).toMatchObject({ resumeToken: "token of s1" });
  expect(sources.all.at(-1)).toMatchObject({ kind: "file", closed: false });
});

it("goes on with the old source when another one does not start, and says why", async () => {
  const controller = await live();
  sources.fails = true;

  await controller.changeSource({ source: "camera" });

  expect(controller.getSnapshot()).toMatchObject({
    phase: "live",
    sourceNotice: "No such camera is connected.",
  });
  expect(sources.all).toMatchObject([{ closed: false }]);
});

it("says that a source ended by itself", async () => {
  const controller = await live();

  sources.all[0]?.onEnded?.("The camera stopped.");

  expect(controller.getSnapshot()).toMatchObject({ phase: "live", sourceNotice: "The camera stopped." });
});

const CLIP: InputSource = { source_type: "video_file", source_name: "clip.mp4" };
const OTHER: InputSource = { source_type: "recording", source_name: "r/output-000.mp4" };
const sent = () => JSON.parse(FakePeer.newest.channel.sent.at(-1) ?? "{}") as Record<string, unknown>;

async function choose(controller: StreamController, inputSource: InputSource | null) {
  await controller.changeSource({ source: inputSource?.source_type ?? "camera", inputSource });
  await vi.advanceTimersByTimeAsync(20);
}

/** The server's word that it plays the file, and then its answer to the update with this mark. */
async function play(source: InputSource | null, id: number) {
  FakePeer.newest.say({ type: "input_source", source: source && { ...source, loop: true } });
  FakePeer.newest.say({ type: "parameters_updated", parameters: {}, frame: 1, id });
  await vi.advanceTimersByTimeAsync(0);
}

it("lets the server play a file on the same session, and lets the camera go once it does", async () => {
  const controller = await live();

  await choose(controller, CLIP);
  expect(sent()).toEqual({ input_source: CLIP, id: 1 });
  expect(sources.all).toMatchObject([{ closed: false }]);
  await play(CLIP, 1);

  expect(sources.all).toMatchObject([{ closed: true }, { kind: "video_file" }]);
  expect(FakePeer.newest.senders).toMatchObject([{ kind: "video", track: null }, { kind: "audio" }]);
  expect(controller.getSnapshot().inputSource).toEqual(CLIP);
  await choose(controller, null);

  expect(sent()).toEqual({ input_source: null, id: 2 });
  expect(FakePeer.newest.senders).toMatchObject([{ track: { of: "camera" } }, { kind: "audio" }]);
  expect(offers()).toHaveLength(1);
});

it("starts with the server's file, and names it again in an offer that takes nothing over", async () => {
  await live({ source: "video_file", inputSource: CLIP });
  expect(lastOffer()).toMatchObject({ initialParameters: { input_source: CLIP } });

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(offers()).toHaveLength(2);
  expect(lastOffer()).toMatchObject({ initialParameters: { input_source: CLIP } });
});

it("stays with what is played when another file is refused, and says why", async () => {
  const controller = await live({ source: "video_file", inputSource: CLIP });
  await choose(controller, OTHER);
  expect(controller.getSnapshot().inputSource).toEqual(OTHER);

  const errors = [{ path: "/input_source/source_name", message: "there is none" }];
  FakePeer.newest.say({ type: "parameters_rejected", errors, id: 1 });
  expect(controller.getSnapshot()).toMatchObject({
    inputSource: CLIP,
    rejected: { input_source: "there is none" },
  });
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(lastOffer()).toMatchObject({ initialParameters: { input_source: CLIP } });
});

it("shows the file of the server's that somebody else chose, and keeps its own source for later", async () => {
  const controller = await live();

  FakePeer.newest.say({ type: "input_source", source: { ...CLIP, loop: true } });

  expect(controller.getSnapshot().inputSource).toEqual(CLIP);
  expect(sources.all).toMatchObject([{ closed: false }]);
});

it("says that the server's file plays no more", async () => {
  const controller = await live({ source: "video_file", inputSource: CLIP });

  FakePeer.newest.say({ type: "input_source", source: null, error: "no picture in it" });

  const { inputSource, sourceNotice } = controller.getSnapshot();
  expect(inputSource).toBeNull();
  expect(sourceNotice).toContain("no picture in it");
});

it("goes on with the server's file when the camera does not start", async () => {
  const controller = await live({ source: "video_file", inputSource: CLIP });
  sources.fails = true;

  await choose(controller, null);

  expect(controller.getSnapshot()).toMatchObject({
    inputSource: CLIP,
    sourceNotice: "No such camera is connected.",
  });
  expect(FakePeer.newest.channel.sent).toEqual([]);
});

it("opens a source again that has no sound when sound is turned on", async () => {
  const controller = await live();
  expect(controller.getSnapshot().soundOn).toBe(false);

  controller.setSound(true);
  await vi.waitFor(() => expect(controller.getSnapshot().soundOn).toBe(true));

  expect(FakePeer.newest.senders).toMatchObject([
    { kind: "video" },
    { track: { kind: "audio", enabled: true } },
  ]);
  expect(sources.all).toMatchObject([{ closed: true }, { closed: false }]);
  expect(offers()).toHaveLength(1);
});

it("turns the sound of a source off, and keeps it", async () => {
  const controller = await live({ sound: true });
  const [track] = controller.getSnapshot().inputStream?.getAudioTracks() ?? [];
  controller.setSound(false);

  expect(controller.getSnapshot().soundOn).toBe(false);
  expect(track?.enabled).toBe(false);
});
