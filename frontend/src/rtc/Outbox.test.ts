import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Values } from "../types/stream";
import { Outbox } from "./Outbox";

let sent: Values[];
let outbox: Outbox;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => setTimeout(callback, 16));
  sent = [];
  outbox = new Outbox((values) => sent.push(values) > 0);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const frame = () => vi.advanceTimersByTimeAsync(20);

it("sends again only what is not answered, with the newest of each value", async () => {
  for (const values of [{ a: 1 }, { a: 2, b: 1 }, { b: 2 }]) {
    outbox.put(values);
    await frame();
  }
  outbox.answered(1);
  sent.length = 0;

  outbox.resend();

  expect(sent).toEqual([{ a: 2, b: 2, id: 4 }]);
});

it("leaves out parameters of the pipeline before", async () => {
  for (const values of [{ a: 1, paused: true, input_source: null }, { pipeline_id: "p" }, { b: 1 }]) {
    outbox.put(values);
    await frame();
  }
  sent.length = 0;

  outbox.resend();

  expect(sent).toEqual([{ paused: true, input_source: null, pipeline_id: "p", b: 1, id: 4 }]);
});

it("sends nothing again when everything is answered", async () => {
  outbox.put({ a: 1 });
  await frame();
  outbox.answered(1);

  outbox.resend();

  expect(sent).toHaveLength(1);
});

it("forgets what waited for a frame when it is cleared", async () => {
  outbox.put({ a: 1 });
  outbox.clear();
  await frame();
  outbox.resend();

  expect(sent).toEqual([]);
});
