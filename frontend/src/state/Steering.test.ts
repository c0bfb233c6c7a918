import { expect, it, vi } from "vitest";

import { Session } from "../rtc/Session";
import { FakePeer, fakeServer, lastOffer, offers } from "../rtc/fakes";
import { sources } from "../rtc/fakeSources";
import { without } from "../lib/values";
import type { Pipeline } from "../types/api";
import type { Settings } from "../types/setup";
import type { Values } from "../types/stream";
import { SettingsStore } from "./SettingsStore";
import { Steering } from "./Steering";

vi.mock("../rtc/sources", () => import("../rtc/fakeSources"));

fakeServer();

/** What was asked of the sources, in turn. */
const opened = () => sources.opened.map(({ options }) => options);

const number = (initial: number) => ({ type: "number", minimum: 0, maximum: 9, default: initial, ui: {} });
const pipeline = (id: string, rest: Partial<Pipeline> = {}): Pipeline => ({
  id,
  name: id,
  description: "",
  version: "",
  supported_modes: ["video"],
  supports_prompts: false,
  config_schema: { properties: { size: number(3), speed: number(1) } },
  ...rest,
});
const PIPELINES = [
  pipeline("broken", { schema_error: "missing field" }),
  pipeline("echo"),
  pipeline("dream", { supports_prompts: true }),
];

function steer(first: Partial<Settings> = {}, fromLink: Values = {}) {
  const settings = new SettingsStore(null, { source: "pattern", ...first });
  const session = new Session();
  const steering = new Steering(session, settings, fromLink);
  steering.setPipelines(PIPELINES, "echo");
  return { settings, session, steering };
}

async function live(first: Partial<Settings> = {}) {
  const all = steer(first);
  all.steering.start();
  await vi.advanceTimersByTimeAsync(0);
  FakePeer.newest.become("connected");
  expect(all.session.getSnapshot().phase).toBe("live");
  return all;
}

/** The newest message on the data channel, without its id. */
async function sent() {
  await vi.advanceTimersByTimeAsync(20);
  const values = JSON.parse(FakePeer.newest.channel.sent.at(-1) ?? "{}") as Values;
  return without(values, (name) => name === "id");
}

it.each([
  ["dream", "echo", "dream"],
  ["gone", "echo", "echo"],
  ["broken", "broken", "echo"],
  [null, null, "echo"],
])("runs what was chosen, what the server runs, or the first: %s, %s", (chosen, usual, runs) => {
  const { steering, session } = steer({ pipelineId: chosen });

  steering.setPipelines(PIPELINES, usual);

  expect(session.getSnapshot().pipelineId).toBe(runs);
});

it("uses a link's parameters once, over stored ones, and only those that fit", () => {
  const kept = { echo: { size: 5, speed: 2 } };
  const { settings, session, steering } = steer({ parameters: kept }, { size: 7, speed: 99, unknown: 1 });
  expect(session.getSnapshot().parameters).toEqual({ size: 7, speed: 2 });

  settings.setParameters("echo", {});
  steering.setPipelines(PIPELINES, "echo");

  expect(session.getSnapshot().parameters).toEqual({});
});

it("starts with what is set: source, pipeline, parameters, and prompts where the pipeline takes some", async () => {
  const prompts = [{ text: "night", weight: 1 }];
  await live({ prompts, parameters: { echo: { size: 5 } }, resolution: "320x240" });
  expect(lastOffer()["initialParameters"]).toEqual({ pipeline_ids: ["echo"], size: 5 });
  expect(opened().at(-1)).toMatchObject({ source: "pattern", resolution: "320x240", deviceId: null });

  await live({ prompts, pipelineId: "dream" });

  expect(lastOffer()["initialParameters"]).toMatchObject({ pipeline_ids: ["dream"], prompts });
});

it("sends a parameter, stores it, and drops it again at its default", async () => {
  const { settings, steering } = await live();

  steering.setParameter("size", 8);
  expect(await sent()).toEqual({ size: 8 });
  expect(settings.getSnapshot().parameters).toEqual({ echo: { size: 8 } });
  steering.setParameter("size", 3);

  expect(await sent()).toEqual({ size: 3 });
  expect(settings.getSnapshot().parameters).toEqual({ echo: {} });
});

it("resets every control to its default", async () => {
  const { settings, steering } = await live({ parameters: { echo: { size: 8, speed: 4 } } });

  steering.resetAll();

  expect(await sent()).toEqual({ size: 3, speed: 1 });
  expect(settings.getSnapshot().parameters).toEqual({ echo: {} });
});

it("switches to a pipeline with its stored parameters, and not to a broken one", async () => {
  const prompts = [{ text: "night", weight: 1 }];
  const { settings, session, steering } = await live({ prompts, parameters: { dream: { speed: 4 } } });

  steering.choosePipeline("broken");
  expect(session.getSnapshot().switchingTo).toBeNull();
  steering.choosePipeline("dream");

  expect(await sent()).toMatchObject({ pipeline_id: "dream", speed: 4, prompts });
  expect(settings.getSnapshot().pipelineId).toBe("dream");
});

it("steps through the working pipelines, round and round", () => {
  const { session, steering } = steer();
  const steps = ([1, 1, -1] as const).map((by) => {
    steering.stepPipeline(by);
    return session.getSnapshot().pipelineId;
  });

  expect(steps).toEqual(["dream", "echo", "dream"]);
});

it("sends a mix with its transition, and a weight at once without one", async () => {
  const prompts = [
    { text: "night", weight: 1 },
    { text: "fire", weight: 1 },
  ];
  const { settings, steering } = await live({ pipelineId: "dream", prompts, steps: 8, method: "slerp" });

  steering.sendPrompts();
  const mix = await sent();
  expect(mix).toMatchObject({ prompts });
  expect(mix["transition"]).toMatchObject({ num_steps: 8, temporal_interpolation_method: "slerp" });
  expect(settings.getSnapshot().history).toEqual([prompts]);
  steering.setWeight(1, 0.5);
  const weighed = await sent();
  expect(weighed).toMatchObject({ prompts: [prompts[0], { text: "fire", weight: 0.5 }] });
  expect(weighed).not.toHaveProperty("transition");
  steering.removePrompt(1);

  expect((await sent())["prompts"]).toEqual([prompts[0]]);
});

it("sends no prompts to a pipeline that takes none", async () => {
  const { steering } = await live({ prompts: [{ text: "night", weight: 1 }] });

  steering.sendPrompts();
  await vi.advanceTimersByTimeAsync(20);

  expect(FakePeer.newest.channel.sent).toEqual([]);
});

it("opens another source at once while running, or else at the start", async () => {
  const idle = steer();
  idle.steering.setSource({ source: "screen" });
  expect(opened()).toEqual([]);
  expect(idle.settings.getSnapshot().source).toBe("screen");

  const { steering } = await live();
  steering.setSource({ source: "file" });
  steering.setSource({ source: "video_file" });
  expect(opened().map(({ source }) => source)).toEqual(["pattern"]);
  const file = new File([], "a.webm");
  steering.setSource({ source: "file" }, file);

  expect(opened().at(-1)).toMatchObject({ source: "file", file });
  expect(steering.hasFile).toBe(true);
});

it("asks the server for its file, on the same session", async () => {
  const { steering } = await live();

  steering.setSource({ source: "video_file", sourceNames: { video_file: "a.mp4", recording: "" } });

  expect(await sent()).toEqual({ input_source: { source_type: "video_file", source_name: "a.mp4" } });
  expect(offers()).toHaveLength(1);
});

it("captures what is set on the timeline, and plays it back", async () => {
  const { settings, steering } = await live({ parameters: { echo: { size: 5 } } });
  steering.capture();
  steering.setParameter("size", 8);
  steering.choosePipeline("dream");
  steering.timeline.pause();
  expect(steering.timeline.getSnapshot().events).toMatchObject([
    { pipelineId: "echo", parameters: { size: 5 } },
    { parameters: { size: 8 } },
    { pipelineId: "dream" },
  ]);

  steering.timeline.seek(0);
  steering.timeline.play();
  await vi.advanceTimersByTimeAsync(100);

  expect(settings.getSnapshot().pipelineId).toBe("dream");
  expect(settings.getSnapshot().parameters["echo"]).toEqual({ size: 8 });
});

it("sends a timeline's transition once, and does not store it", async () => {
  const prompts = [{ text: "night", weight: 1 }];
  const { settings, steering } = await live({ pipelineId: "dream" });
  const parameters = { prompts, transition: { num_steps: 4 } };
  const events = [{ at_ms: 0, pipeline_id: "dream", parameters }];

  steering.timeline.import(JSON.stringify({ format: "scope-timeline", version: 1, events }));
  steering.timeline.play();

  expect(await sent()).toEqual(parameters);
  expect(settings.getSnapshot().prompts).toEqual(prompts);
  expect(settings.getSnapshot().parameters).toEqual({ dream: {} });
});
