import { expect, it } from "vitest";

import { Rises } from "./Rises";

it("gives the rise in a second", () => {
  const rises = new Rises();

  expect(rises.perSecond("drops", 0, 10)).toBeNull();
  expect(rises.perSecond("drops", 2000, 16)).toBe(3);
  expect(rises.perSecond("others", 2000, 16)).toBeNull();
});

it("knows nothing where a count fell or the reading before is old", () => {
  const rises = new Rises();
  rises.perSecond("drops", 0, 10);

  expect(rises.perSecond("drops", 1000, 2)).toBeNull();
  expect(rises.perSecond("drops", 60_000, 3)).toBeNull();
  rises.clear();
  expect(rises.perSecond("drops", 61_000, 3)).toBeNull();
});
