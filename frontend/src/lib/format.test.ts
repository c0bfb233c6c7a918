import { expect, it } from "vitest";

import * as format from "./format";

it("shows what is unknown as a dash, never as 0", () => {
  const unknown = [
    format.frameRate(null),
    format.milliseconds(null),
    format.tenths(null),
    format.bitrate(null),
    format.percent(null),
    format.bytes(null),
    format.duration(null),
    format.memoryUse(null, null),
    format.resolution(null, 480),
    format.moment("not a time"),
  ];

  expect(new Set(unknown)).toEqual(new Set(["–"]));
  expect(format.percent(0)).toBe("0 %");
  expect(format.bytes(0)).toBe("0 B");
});

it.each([
  [512, "512 B"],
  [1500, "1.5 kB"],
  [150e6, "150 MB"],
  [1.5e9, "1.5 GB"],
])("writes %d bytes as %s", (value, text) => {
  expect(format.bytes(value)).toBe(text);
});

it.each([
  [0.4, "0:00"],
  [61, "1:01"],
  [3723.9, "1:02:03"],
])("writes %d seconds as %s", (value, text) => {
  expect(format.duration(value)).toBe(text);
});

it("writes small percentages with one decimal", () => {
  expect([format.percent(0.34), format.percent(42.4)]).toEqual(["0.3 %", "42 %"]);
});

it("writes used memory and the total", () => {
  expect(format.memoryUse(1024 ** 3, 4 * 1024 ** 3)).toBe("1.0 GiB of 4.0 GiB");
  expect(format.memoryUse(null, 1024)).toBe("– of 1.0 KiB");
});

it.each([
  ["the server is full", "The server is full."],
  ['no pipeline "x"; available: a, b', 'No pipeline "x"; available: a, b.'],
  ["noise_scale must be at most 1", "noise_scale must be at most 1."],
  ["nvh264enc failed", "nvh264enc failed."],
  ["The connection failed.", "The connection failed."],
  ["full", "Full."],
  ["", ""],
])("writes the server's message %s as a sentence", (message, sentence) => {
  expect(format.asSentence(message)).toBe(sentence);
});

it("counts one and several", () => {
  expect([0, 1, 2].map((number) => format.count(number, "change"))).toEqual([
    "0 changes",
    "1 change",
    "2 changes",
  ]);
});
