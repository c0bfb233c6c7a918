import { expect, it } from "vitest";

import { areaPath, greatest, linePath, nearest, roundTop, stack } from "./plot";

const FRAME = { now: 10_000, windowMs: 10_000, width: 100, height: 10, top: 10 };

function points(values: (number | null)[], stepMs = 1000) {
  return values.map((value, place) => ({ at: place * stepMs, value }));
}

it.each([
  [0, 0, 1],
  [0, 30, 50],
  [31, 10, 50],
  [1, 0, 1],
  [1.2, 0, 2],
  [2_300_000, 0, 5_000_000],
])("rounds %d (at least %d) up to %d", (value, least, top) => {
  expect(roundTop(value, least)).toBe(top);
});

it("breaks a line where a value is unknown, and does not draw it at 0", () => {
  expect(linePath(points([1, 2, null, 5]), FRAME)).toBe("M0.0,9.0L10.0,8.0M30.0,5.0");
});

it("breaks a line where nothing was read for a while", () => {
  expect(linePath(points([1, 2], 8000), FRAME)).toBe("M0.0,9.0M80.0,8.0");
});

it("keeps a line within its area", () => {
  expect(linePath(points([99]), FRAME)).toBe("M0.0,0.0");
});

it("stacks lines, to which unknown values add nothing", () => {
  const [low, high] = stack([points([1, null, null]), points([2, 3, null])]);

  expect(low?.map((point) => point.value)).toEqual([1, null, null]);
  expect(high?.map((point) => point.value)).toEqual([3, 3, null]);
});

it("stacks lines that are read at different times", () => {
  const late = points([5, 6]).map(({ at, value }) => ({ at: at + 400, value }));

  const [, high] = stack([points([1, 2]), late]);

  expect(high).toEqual([
    { at: 0, value: 1 },
    { at: 400, value: 6 },
    { at: 1000, value: 7 },
    { at: 1400, value: 8 },
  ]);
});

it("fills between two lines", () => {
  expect(areaPath(points([4, 4]), points([1, 1]), FRAME)).toBe("M0.0,6.0L10.0,6.0L10.0,9.0L0.0,9.0Z");
});

it("finds the reading under a pointer, and none in a gap", () => {
  expect(nearest(points([1, 2, 3]), 1400)?.value).toBe(2);
  expect(nearest(points([1, 2, 3]), 60_000)).toBeNull();
  expect(nearest([], 0)).toBeNull();
});

it("finds the greatest value of all lines", () => {
  expect(greatest([points([1, null]), points([7])])).toBe(7);
  expect(greatest([])).toBe(0);
});
