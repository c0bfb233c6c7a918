import { expect, it, vi } from "vitest";

import type { Values } from "../types/stream";
import type { Session } from "./Session";
import { FakePeer, fakeServer, lastOffer, live, offers } from "./fakes";

vi.mock("./sources", () => import("./fakeSources"));

fakeServer();

/** Sets something, and lets a frame pass, so that it is on its way. */
async function say(session: Session, values: Values) {
  session.parameters.set(values);
  await vi.advanceTimersByTimeAsync(20);
}

it("sends the newest of each value once per animation frame", async () => {
  const session = await live();

  session.parameters.set({ work_ms: 1 });
  session.parameters.set({ work_ms: 2 });
  session.parameters.setPaused(true);
  await vi.advanceTimersByTimeAsync(20);

  expect(FakePeer.newest.channel.sent).toEqual(['{"work_ms":2,"paused":true,"id":1}']);
});

it("shows a rejection at its parameter until the parameter is changed", async () => {
  const session = await live();

  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/work_ms", message: "too much" }] });
  expect(session.getSnapshot().rejected).toEqual({ work_ms: "too much" });
  session.parameters.set({ work_ms: 3 });

  expect(session.getSnapshot().rejected).toEqual({});
});

it("forgets a rejected value, which would break the next offer", async () => {
  const session = await live();
  session.parameters.set({ work_ms: 9999, other: 1 });

  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/work_ms", message: "too much" }] });
  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(lastOffer()).toMatchObject({ initialParameters: { pipeline_ids: ["echo"], other: 1 } });
  expect(offers().at(-1)?.body).not.toContain("work_ms");
});

it("goes back to the running pipeline when another one is rejected", async () => {
  const session = await live();
  session.parameters.switchPipeline("nothing", {});

  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/pipeline_id", message: "no pipeline" }],
  });

  expect(session.getSnapshot().pipelineId).toBe("echo");
});

it("sends what was set before the channel opened", async () => {
  const session = await live();
  FakePeer.newest.channel.readyState = "connecting";
  session.parameters.setPaused(true);
  await vi.advanceTimersByTimeAsync(20);
  expect(FakePeer.newest.channel.sent).toEqual([]);

  FakePeer.newest.channel.readyState = "open";
  FakePeer.newest.channel.onopen?.();

  expect(FakePeer.newest.channel.sent).toEqual(['{"paused":true,"id":2}']);
});

it("does not pull a moving slider back to the server's older value", async () => {
  const session = await live();
  await say(session, { work_ms: 1 });
  await say(session, { work_ms: 2 });

  FakePeer.newest.say({ type: "parameters_updated", parameters: { work_ms: 1, other: 5 }, frame: 9, id: 1 });
  expect(session.getSnapshot().parameters).toEqual({ work_ms: 2, other: 5 });
  FakePeer.newest.say({ type: "parameters_updated", parameters: { work_ms: 3, other: 5 }, frame: 9, id: 2 });

  expect(session.getSnapshot().parameters).toEqual({ work_ms: 3, other: 5 });
});

it("puts the value in force back in place of a rejected one", async () => {
  const session = await live({ parameters: { work_ms: 4 } });
  await say(session, { work_ms: 9999 });

  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/work_ms", message: "too much" }],
    id: 1,
  });

  expect(session.getSnapshot()).toMatchObject({
    parameters: { work_ms: 4 },
    rejected: { work_ms: "too much" },
  });
});

it("tells how far prompts have got: sent, applied from a frame, rejected", async () => {
  const session = await live();
  const state = () => session.getSnapshot().prompt;
  const prompts = [{ text: "night", weight: 1 }];
  expect(state().state).toBe("none");

  session.parameters.set({ prompts }, { transition: { num_steps: 4 } });
  await vi.advanceTimersByTimeAsync(20);
  expect(state().state).toBe("sent");
  expect(JSON.parse(FakePeer.newest.channel.sent.at(-1) ?? "")).toEqual({
    prompts,
    transition: { num_steps: 4 },
    id: 1,
  });
  FakePeer.newest.say({ type: "parameters_updated", parameters: { prompts }, frame: 120, id: 1 });
  expect(state()).toEqual({ state: "applied", frame: 120, atOnce: false });
  await say(session, { prompts: 3 });
  FakePeer.newest.say({ type: "parameters_rejected", errors: [{ path: "/prompts", message: "no" }], id: 2 });

  expect(state().state).toBe("rejected");
  expect(session.getSnapshot().parameters).toEqual({ prompts });
});

it("keeps no transition for the next offer", async () => {
  const session = await live();
  session.parameters.set({ prompts: [] }, { transition: { num_steps: 4 } });

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(offers().at(-1)?.body).not.toContain("transition");
});

it("shows a switch until the pipeline has taken over", async () => {
  const session = await live();

  session.parameters.switchPipeline("dream", { seed: 1 });
  await vi.advanceTimersByTimeAsync(20);
  expect(FakePeer.newest.channel.sent).toEqual(['{"pipeline_id":"dream","seed":1,"id":1}']);
  expect(session.getSnapshot()).toMatchObject({ pipelineId: "dream", switchingTo: "dream" });
  FakePeer.newest.say({ type: "pipeline_changed", pipeline_id: "dream", frame: 7 });

  expect(session.getSnapshot()).toMatchObject({ pipelineId: "dream", switchingTo: null });
});

it("stays with the newest choice when an older one is rejected or comes late", async () => {
  const session = await live();
  session.parameters.switchPipeline("dream", {});
  await vi.advanceTimersByTimeAsync(20);
  session.parameters.switchPipeline("neon", {});
  await vi.advanceTimersByTimeAsync(20);

  FakePeer.newest.say({ type: "pipeline_changed", pipeline_id: "dream", frame: 7 });
  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/pipeline_id", message: "another was chosen" }],
    id: 1,
  });

  expect(session.getSnapshot()).toMatchObject({ pipelineId: "neon", switchingTo: "neon" });
});

it("goes back to the parameters of the pipeline that stays, too", async () => {
  const session = await live({ parameters: { work_ms: 4 } });
  session.parameters.switchPipeline("dream", { seed: 1 });
  await vi.advanceTimersByTimeAsync(20);

  FakePeer.newest.say({
    type: "parameters_rejected",
    errors: [{ path: "/pipeline_id", message: "dream cannot start" }],
    id: 1,
  });

  expect(session.getSnapshot()).toMatchObject({
    pipelineId: "echo",
    switchingTo: null,
    parameters: { work_ms: 4 },
    rejected: { pipeline_id: "dream cannot start" },
  });
});

it("offers the pipeline that another client chose to the next session", async () => {
  await live();
  FakePeer.newest.say({ type: "pipeline_changed", pipeline_id: "dream", frame: 7 });
  FakePeer.newest.say({ type: "parameters_updated", parameters: { seed: 1 }, frame: 7 });

  FakePeer.newest.become("failed");
  await vi.advanceTimersByTimeAsync(1000);

  expect(lastOffer()).toMatchObject({ initialParameters: { pipeline_ids: ["dream"], seed: 1 } });
});
