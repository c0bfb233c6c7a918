import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { PathWatch } from "./PathWatch";

let said: string[];
let watch: PathWatch;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  watch = new PathWatch(
    {
      onInterrupted: () => said.push("interrupted"),
      onBack: () => said.push("back"),
      onLost: () => said.push("lost"),
    },
    0,
  );
});

afterEach(() => vi.useRealTimers());

it("gives a disconnected path two seconds", async () => {
  watch.onState("disconnected");
  await vi.advanceTimersByTimeAsync(1900);
  expect(said).toEqual(["interrupted"]);
  await vi.advanceTimersByTimeAsync(200);

  expect(said).toEqual(["interrupted", "lost"]);
});

it("counts a frame as proof of the path, whatever the state says", async () => {
  watch.look(1, true, 0);
  watch.onState("disconnected");
  watch.look(2, true, 500);
  await vi.advanceTimersByTimeAsync(10_000);

  expect(said).toEqual(["interrupted", "back"]);
});

it("gives up a failed path at once", () => {
  watch.onState("failed");

  expect(said).toEqual(["lost"]);
});

it("waits three seconds for a frame after the last one", () => {
  watch.look(1, true, 1000);
  watch.look(1, true, 3900);
  expect(said).toEqual([]);
  watch.look(1, true, 4100);

  expect(said).toEqual(["lost"]);
});

it("waits longer for the first frame", () => {
  watch.look(0, true, 9000);
  expect(said).toEqual([]);
  watch.look(0, true, 10_100);

  expect(said).toEqual(["lost"]);
});

it("waits less after a network change, and only then", () => {
  watch.look(1, true, 1000);
  watch.onNetworkChange(1000);
  watch.look(1, true, 2400);
  expect(said).toEqual([]);
  watch.look(1, true, 2600);
  expect(said).toEqual(["lost"]);

  watch.look(2, true, 10_000);
  watch.look(2, true, 12_900);
  expect(said).toEqual(["lost", "back"]);
});

it("counts from the moment that frames are due", () => {
  watch.look(1, true, 0);
  watch.look(1, false, 20_000);
  watch.look(1, true, 22_900);
  expect(said).toEqual([]);
  watch.look(1, true, 23_100);

  expect(said).toEqual(["lost"]);
});

it("does not judge when the browser reports no frame count", () => {
  watch.look(null, true, 60_000);

  expect(said).toEqual([]);
});
