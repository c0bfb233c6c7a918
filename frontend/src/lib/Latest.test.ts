import { expect, it } from "vitest";

import { Latest } from "./Latest";

it("lets only the latest run count", () => {
  const latest = new Latest();

  const [first, second] = [latest.start(), latest.start()];
  expect([first.aborted, second.aborted]).toEqual([true, false]);
  latest.abort();

  expect(second.aborted).toBe(true);
  expect(latest.start().aborted).toBe(false);
});
