import { expect, it } from "vitest";

import { delayOf } from "./delay";

const PARTS = { roundTripMs: 20, serverLatencyMs: 40, bufferMs: 30, decodeMs: 5 };

it("prefers what was measured", () => {
  expect(delayOf(71, PARTS)).toEqual({ ms: 71, origin: "measured" });
});

it("adds up the parts when nothing was measured", () => {
  expect(delayOf(null, PARTS)).toEqual({ ms: 95, origin: "estimated" });
});

it.each(Object.keys(PARTS))("has no delay without %s", (part) => {
  expect(delayOf(null, { ...PARTS, [part]: null })).toBeNull();
});
