import { expect, it } from "vitest";

import { DEFAULTS } from "../types/setup";
import { SettingsStore } from "./SettingsStore";

function storage(first?: string) {
  const kept = new Map(first === undefined ? [] : [["scope.settings", first]]);
  return {
    kept,
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
}

it("reads back what was set", () => {
  const kept = storage();
  new SettingsStore(kept).set({ theme: "light", prompts: [{ text: "night", weight: 0.5 }] });

  const again = new SettingsStore(kept).getSnapshot();

  expect(again).toMatchObject({ theme: "light", prompts: [{ text: "night", weight: 0.5 }] });
});

it("prefers a link over what is stored", () => {
  const kept = storage();
  new SettingsStore(kept).set({ source: "file", codec: "VP9" });

  const settings = new SettingsStore(kept, { source: "pattern" }).getSnapshot();

  expect(settings).toMatchObject({ source: "pattern", codec: "VP9" });
});

it("uses the default for each field that it cannot read, and keeps the others", () => {
  const broken = {
    version: 1,
    theme: "pink",
    sourceNames: { video_file: 1, recording: "" },
    steps: 1e9,
    prompts: [{ text: 1 }],
    parameters: [],
    frameRate: 24,
    unknown: true,
  };

  const settings = new SettingsStore(storage(JSON.stringify(broken))).getSnapshot();

  expect(settings).toEqual({ ...DEFAULTS, frameRate: 24 });
});

it.each(["", "{", "[]", '{"version":2,"theme":"light"}'])("starts afresh with %s", (text) => {
  expect(new SettingsStore(storage(text)).getSnapshot()).toEqual(DEFAULTS);
});

it("works when nothing can be stored", () => {
  const full = {
    getItem: () => null,
    setItem: () => {
      throw new DOMException("full", "QuotaExceededError");
    },
  };
  const settings = new SettingsStore(full);

  settings.set({ muted: false });

  expect(settings.getSnapshot().muted).toBe(false);
});

it("keeps parameters by pipeline", () => {
  const settings = new SettingsStore(null);

  settings.setParameters("a", { x: 1 });
  settings.setParameters("b", { y: 2 });
  settings.setParameters("a", {});

  expect(settings.getSnapshot().parameters).toEqual({ a: {}, b: { y: 2 } });
});
