import { expect, it } from "vitest";

import { History } from "./History";

it("keeps figures apart and tells its subscribers of each change", () => {
  const history = new History(10);
  let told = 0;
  history.subscribe(() => told++);

  history.note({ "cpu.all": 10, "gpu.0": null }, 1000);
  history.note({ "cpu.all": 20 }, 2000);

  expect([told, history.oldest]).toEqual([2, 1000]);
  expect(history.since("cpu.all", 1500)).toEqual([{ at: 2000, value: 20 }]);
  expect(history.since("gpu.0", 0)).toEqual([{ at: 1000, value: null }]);
  expect(history.since("nothing", 0)).toEqual([]);
  expect(history.names("gpu.")).toEqual(["gpu.0"]);
});
