import { expect, it } from "vitest";

import * as format from "./format";
import * as units from "./units";

it("shows what is not known as a dash, never as 0", () => {
  const unknown = [
    format.frames(null),
    format.milliseconds(null),
    units.tenths(null),
    format.bitrate(null),
    units.percent(null),
    units.bytes(null),
    units.duration(null),
    units.share(null, null),
    units.size(null, 480),
    units.moment("not a time"),
  ];

  expect(new Set(unknown)).toEqual(new Set(["–"]));
  expect(units.percent(0)).toBe("0 %");
  expect(units.bytes(0)).toBe("0 B");
});

it.each([
  [512, "512 B"],
  [1500, "1.5 kB"],
  [150e6, "150 MB"],
  [1.5e9, "1.5 GB"],
])("writes %d bytes as %s", (value, text) => {
  expect(units.bytes(value)).toBe(text);
});

it.each([
  [0.4, "00:00"],
  [61, "01:01"],
  [3723.9, "1:02:03"],
])("writes %d seconds as %s", (value, text) => {
  expect(units.duration(value)).toBe(text);
});

it("writes small shares with a place after the point", () => {
  expect([units.percent(0.34), units.percent(42.4)]).toEqual(["0.3 %", "42 %"]);
});

it("writes what is used of what there is", () => {
  expect(units.share(1024 ** 3, 4 * 1024 ** 3)).toBe("1.0 GiB of 4.0 GiB");
  expect(units.share(null, 1024)).toBe("– of 1.0 KiB");
});
