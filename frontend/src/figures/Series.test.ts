import { expect, it } from "vitest";

import { Series } from "./Series";

it("keeps the newest, the oldest first", () => {
  const series = new Series(3);

  for (const at of [1000, 2000, 3000, 4000]) series.push(at, at / 1000);

  expect([series.length, series.oldest]).toEqual([3, 2000]);
  expect(series.since(0).map((point) => point.value)).toEqual([2, 3, 4]);
  expect(series.since(3000).map((point) => point.at)).toEqual([3000, 4000]);
});

it("tells unknown from 0", () => {
  const series = new Series(3);

  series.push(1000, 0);
  series.push(2000, null);

  expect(series.since(0).map((point) => point.value)).toEqual([0, null]);
});

it("counts readings of the same moment as one", () => {
  const series = new Series(3);

  series.push(1000, 1);
  series.push(1100, 2);
  series.push(2000, 3);

  expect(series.since(0)).toEqual([
    { at: 1000, value: 2 },
    { at: 2000, value: 3 },
  ]);
});

it("is empty after a clear", () => {
  const series = new Series(2);
  series.push(1, 1);

  series.clear();

  expect([series.since(0), series.oldest]).toEqual([[], null]);
});
