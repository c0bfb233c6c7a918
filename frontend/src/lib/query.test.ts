import { expect, it } from "vitest";

import { DEFAULTS } from "../types/setup";
import { linkOf, setupOf } from "./query";

it("reads back the setup that it wrote", () => {
  const settings = {
    ...DEFAULTS,
    source: "text" as const,
    codec: "VP9" as const,
    prompts: [
      { text: "a storm & fire?", weight: 1 },
      { text: "calm", weight: 0.25 },
    ],
    steps: 8,
    method: "slerp" as const,
  };
  const values = { noise_scale: 0.7, denoising_step_list: [1000, 250], palette: "fire", on: false };

  const link = new URL(linkOf("https://host", settings, "dream", values));
  const setup = setupOf(link.search);

  expect(setup.settings).toMatchObject({
    pipelineId: "dream",
    source: "text",
    codec: "VP9",
    prompts: settings.prompts,
    steps: 8,
    method: "slerp",
  });
  expect(setup.parameters).toEqual(values);
  expect(setup.autostart).toBe(false);
});

it("carries a server file only if that is the source", () => {
  const sourceNames = { video_file: "a clip & more.mp4", recording: "r/output-000.mp4" };
  const settings = { ...DEFAULTS, source: "video_file" as const, sourceNames };

  const link = new URL(linkOf("https://host", settings, null, {}));
  expect(setupOf(link.search).settings).toMatchObject({
    source: "video_file",
    sourceNames: { video_file: "a clip & more.mp4", recording: "" },
  });

  expect(linkOf("https://host", { ...settings, source: "camera" }, null, {})).not.toContain("clip");
});

it("reads a link that was written by hand", () => {
  const setup = setupOf("?pipeline=light-trails&set.palette=fire&set.length=2&prompt=night&autostart=1");

  expect(setup.parameters).toEqual({ palette: "fire", length: 2 });
  expect(setup.settings.prompts).toEqual([{ text: "night", weight: 1 }]);
  expect(setup.autostart).toBe(true);
});

it("ignores invalid values in a link", () => {
  const setup = setupOf("?source=cinema&codec=AV7&steps=-4&method=jump&prompt=&weight=x");

  expect(setup.settings).toEqual({});
});

it("measures the delay of the test pattern, as its stamp is there anyway", () => {
  expect(setupOf("?source=pattern").settings.measureDelay).toBe(true);
  expect(setupOf("?source=camera").settings.measureDelay).toBe(false);
});
