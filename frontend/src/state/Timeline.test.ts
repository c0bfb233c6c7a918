import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Timeline } from "./Timeline";
import type { TimelineEvent } from "./timelineFile";

let applied: TimelineEvent[];
let timeline: Timeline;

beforeEach(() => {
  vi.useFakeTimers();
  applied = [];
  timeline = new Timeline((event) => applied.push(event));
});

afterEach(() => vi.useRealTimers());

const names = () => applied.map((event) => event.parameters);

function captured(): void {
  timeline.capture({ pipelineId: "echo", parameters: { a: 0 } });
  vi.advanceTimersByTime(1000);
  timeline.note({ a: 1 });
  vi.advanceTimersByTime(1000);
  timeline.note({}, "dream");
  vi.advanceTimersByTime(1000);
  timeline.pause();
}

it("captures changes with their times, from the state at the start", () => {
  captured();

  expect(timeline.getSnapshot()).toMatchObject({ mode: "idle", durationMs: 3000, positionMs: 0 });
  expect(timeline.getSnapshot().events).toEqual([
    { atMs: 0, pipelineId: "echo", parameters: { a: 0 } },
    { atMs: 1000, parameters: { a: 1 } },
    { atMs: 2000, pipelineId: "dream", parameters: {} },
  ]);
});

it("captures nothing while it is idle", () => {
  timeline.note({ a: 1 });

  expect(timeline.getSnapshot().events).toEqual([]);
});

it("plays the changes at their times, and stops at the end", () => {
  captured();

  timeline.play();
  expect(names()).toEqual([{ a: 0 }]);
  vi.advanceTimersByTime(1500);
  expect(names()).toEqual([{ a: 0 }, { a: 1 }]);
  vi.advanceTimersByTime(5000);

  expect(names()).toEqual([{ a: 0 }, { a: 1 }, {}]);
  expect(timeline.getSnapshot()).toMatchObject({ mode: "idle", positionMs: 3000 });
});

it("continues where it was paused", () => {
  captured();
  timeline.play();
  vi.advanceTimersByTime(1500);
  timeline.pause();
  vi.advanceTimersByTime(60_000);
  applied = [];

  timeline.play();
  vi.advanceTimersByTime(600);

  expect(names()).toEqual([{ a: 1 }, {}]);
});

it("starts over at the end of a loop", () => {
  captured();
  timeline.setLoop(true);
  timeline.play();

  vi.advanceTimersByTime(3100);

  expect(timeline.getSnapshot().mode).toBe("playing");
  expect(names()).toEqual([{ a: 0 }, { a: 1 }, {}, { a: 0 }]);
});

it("applies the state at the time that the playhead is moved to", () => {
  captured();

  timeline.seek(1200);
  timeline.seek(2500);

  expect(applied).toEqual([
    { atMs: 0, pipelineId: "echo", parameters: { a: 1 } },
    { atMs: 2000, pipelineId: "dream", parameters: {} },
  ]);
});

it("reads back the file that it wrote", () => {
  captured();
  const { events } = timeline.getSnapshot();
  const other = new Timeline(() => undefined);

  other.import(timeline.export());

  expect(other.getSnapshot()).toMatchObject({ events, durationMs: 2000, mode: "idle" });
});

it.each([
  ["text", "not valid JSON"],
  ["[]", "not a timeline"],
  ['{"format":"scope-timeline","version":7,"events":[]}', "version 7"],
  ['{"format":"scope-timeline","version":1}', 'no "events" list'],
  ['{"format":"scope-timeline","version":1,"events":[{"at_ms":-1}]}', "Event 1"],
  ['{"format":"scope-timeline","version":1,"events":[{"at_ms":0,"parameters":3}]}', '"parameters"'],
  ['{"format":"scope-timeline","version":1,"events":[{"at_ms":0,"pipeline_id":3}]}', '"pipeline_id"'],
])("says in a sentence what is wrong with %s, and keeps what there was", (text, part) => {
  captured();
  const { events } = timeline.getSnapshot();

  expect(() => timeline.import(text)).toThrow(part);

  expect(timeline.getSnapshot().events).toBe(events);
});

it("sorts a file's events by time", () => {
  timeline.import(
    '{"format":"scope-timeline","version":1,"events":[{"at_ms":5,"parameters":{"b":1}},{"at_ms":1,"parameters":{}}]}',
  );

  expect(timeline.getSnapshot().events.map((event) => event.atMs)).toEqual([1, 5]);
});
