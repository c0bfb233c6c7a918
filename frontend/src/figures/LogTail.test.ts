import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { LogTail, filtered, levelOf } from "./LogTail";

let answers: ({ lines: string[]; offset: number } | null)[];
let paths: string[];

beforeEach(() => {
  vi.useFakeTimers();
  answers = [];
  paths = [];
  vi.stubGlobal("fetch", (path: string) => {
    paths.push(path);
    const answer = answers.shift();
    return answer ? Promise.resolve(Response.json(answer)) : Promise.reject(new TypeError("failed"));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const texts = (tail: LogTail) => tail.getSnapshot().lines.map((line) => line.text);

it("continues from where it was", async () => {
  answers = [
    { lines: ["a", "b"], offset: 7 },
    { lines: ["c"], offset: 8 },
  ];
  const tail = new LogTail();

  const stop = tail.watch();
  await vi.advanceTimersByTimeAsync(1000);
  stop();

  expect(texts(tail)).toEqual(["a", "b", "c"]);
  expect(paths).toEqual(["/api/v1/logs/tail?lines=1000", "/api/v1/logs/tail?lines=1000&since_offset=7"]);
});

it("says that the server is not reachable, and continues when it is back", async () => {
  answers = [{ lines: ["a"], offset: 1 }, null, { lines: [], offset: 1 }];
  const tail = new LogTail();

  const stop = tail.watch();
  await vi.advanceTimersByTimeAsync(1000);
  expect(tail.getSnapshot().sentence).toContain("not reachable");
  await vi.advanceTimersByTimeAsync(1000);
  stop();

  expect(tail.getSnapshot().sentence).toBeNull();
  expect(texts(tail)).toEqual(["a"]);
});

it("notes missing lines and a restart of the server", async () => {
  answers = [
    { lines: ["a"], offset: 1 },
    { lines: ["z"], offset: 11 },
    { lines: ["first"], offset: 1 },
  ];
  const tail = new LogTail();

  const stop = tail.watch();
  await vi.advanceTimersByTimeAsync(2000);
  stop();

  expect(texts(tail)).toEqual([
    "a",
    "9 lines are missing: the server has dropped them.",
    "z",
    "The server restarted.",
    "first",
  ]);
});

it("reads nothing while it is paused, and at once afterwards", async () => {
  answers = [
    { lines: ["a"], offset: 1 },
    { lines: ["b"], offset: 2 },
  ];
  const tail = new LogTail();
  const stop = tail.watch();
  await vi.advanceTimersByTimeAsync(0);

  tail.setPaused(true);
  await vi.advanceTimersByTimeAsync(5000);
  expect(paths.length).toBe(1);
  tail.setPaused(false);
  await vi.advanceTimersByTimeAsync(0);

  expect(texts(tail)).toEqual(["a", "b"]);
  stop();
});

it.each([
  ["2026-11-24T18:00:00.1Z  INFO scope::app: serving", "INFO"],
  ['{"timestamp":"2026","level":"WARN","message":"x"}', "WARN"],
  ["   at src/main.rs, INFORMATION", null],
])("reads the level of %s", (text, level) => {
  expect(levelOf(text)).toBe(level);
});

it("filters by words and by level; continuation lines go with their line", async () => {
  answers = [{ lines: ["t ERROR it broke", "  in the encoder", "t INFO all is well"], offset: 3 }];
  const tail = new LogTail();
  const stop = tail.watch();
  await vi.advanceTimersByTimeAsync(0);
  stop();
  const { lines } = tail.getSnapshot();
  const left = (words: string, least: "all" | "WARN") =>
    filtered(lines, words, least).map((line) => line.text);

  expect(left("", "WARN")).toEqual(["t ERROR it broke", "  in the encoder"]);
  expect(left("WELL all", "all")).toEqual(["t INFO all is well"]);
  expect(left("", "all").length).toBe(3);
});
