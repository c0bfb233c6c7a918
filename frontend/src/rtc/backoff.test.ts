import { expect, it } from "vitest";

import { backoffMs } from "./backoff";

it("doubles up to its limit", () => {
  expect([1, 2, 3, 4, 5, 6, 20].map((attempt) => backoffMs(attempt, null, 0))).toEqual([
    500, 1000, 2000, 4000, 8000, 8000, 8000,
  ]);
});

it("waits at least as long as the server asks", () => {
  expect(backoffMs(1, 2, 0)).toBe(2000);
});

it("spreads clients that come back at once", () => {
  expect(backoffMs(1, null, 1)).toBeGreaterThan(backoffMs(1, null, 0));
});
