import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Poller } from "./Poller";

let visibility: DocumentVisibilityState;

beforeEach(() => {
  vi.useFakeTimers();
  visibility = "visible";
  vi.spyOn(document, "visibilityState", "get").mockImplementation(() => visibility);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function show(state: DocumentVisibilityState) {
  visibility = state;
  document.dispatchEvent(new Event("visibilitychange"));
}

it("polls while somebody watches", async () => {
  let polls = 0;
  const poller = new Poller(1000, () => Promise.resolve(void polls++));

  const [one, other] = [poller.watch(), poller.watch()];
  await vi.advanceTimersByTimeAsync(2500);
  one();
  one();
  await vi.advanceTimersByTimeAsync(1000);
  other();
  await vi.advanceTimersByTimeAsync(5000);

  expect(polls).toBe(4);
});

it("pauses while the page is hidden and polls at once when it is visible again", async () => {
  let polls = 0;
  const stop = new Poller(1000, () => Promise.resolve(void polls++)).watch();
  await vi.advanceTimersByTimeAsync(0);

  show("hidden");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(polls).toBe(1);
  show("visible");
  await vi.advanceTimersByTimeAsync(0);

  expect(polls).toBe(2);
  stop();
});

it("waits for a slow answer, and aborts it when the last watcher stops", async () => {
  const signals: AbortSignal[] = [];
  const poller = new Poller(1000, (signal) => {
    signals.push(signal);
    return new Promise((done) => signal.addEventListener("abort", () => done()));
  });

  const stop = poller.watch();
  await vi.advanceTimersByTimeAsync(5000);
  expect(signals.length).toBe(1);
  stop();

  expect(signals[0]?.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(5000);
  expect(signals.length).toBe(1);
});

it("runs at once on request, while it is watched", async () => {
  let polls = 0;
  const poller = new Poller(1000, () => Promise.resolve(void polls++));
  poller.now();
  const stop = poller.watch();
  await vi.advanceTimersByTimeAsync(10);

  poller.now();
  await vi.advanceTimersByTimeAsync(500);

  expect(polls).toBe(2);
  stop();
});
