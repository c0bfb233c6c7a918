import { expect, it } from "vitest";

import { Rates } from "./Rates";

it("gives the increase per second", () => {
  const rates = new Rates();

  expect(rates.perSecond("drops", 0, 10)).toBeNull();
  expect(rates.perSecond("drops", 2000, 16)).toBe(3);
  expect(rates.perSecond("others", 2000, 16)).toBeNull();
});

it("has no rate if a count fell or the previous reading is old", () => {
  const rates = new Rates();
  rates.perSecond("drops", 0, 10);

  expect(rates.perSecond("drops", 1000, 2)).toBeNull();
  expect(rates.perSecond("drops", 60_000, 3)).toBeNull();
  rates.clear();
  expect(rates.perSecond("drops", 61_000, 3)).toBeNull();
});
