import { beforeEach, expect, it } from "vitest";

import { PromptMix, lineOf, promptsIn, sharesOf } from "./PromptMix";
import { HISTORY_KEPT, SettingsStore } from "./SettingsStore";

let settings: SettingsStore;
let mix: PromptMix;

beforeEach(() => {
  settings = new SettingsStore(null);
  mix = new PromptMix(settings);
});

it("always has a prompt to edit, and sends no empty one", () => {
  expect(mix.prompts).toEqual([{ text: "", weight: 1 }]);
  expect(mix.payload()).toBeNull();

  mix.edit(0, { text: " night " });
  mix.add();

  expect(mix.payload()).toEqual({ prompts: [{ text: "night", weight: 1 }] });
});

it("shows each weight as its share of the mix", () => {
  const shares = sharesOf([
    { text: "a", weight: 1 },
    { text: "b", weight: 3 },
    { text: " ", weight: 9 },
  ]);

  expect(shares).toEqual([0.25, 0.75, null]);
  expect(sharesOf([{ text: "a", weight: 0 }])).toEqual([null]);
});

it("solos one prompt, then brings all back", () => {
  settings.set({ prompts: ["a", "b", "c"].map((text) => ({ text, weight: 0.5 })) });

  mix.solo(1);
  expect(mix.prompts.map((prompt) => prompt.weight)).toEqual([0, 1, 0]);
  mix.solo(1);

  expect(mix.prompts.map((prompt) => prompt.weight)).toEqual([1, 1, 1]);
});

it("has a transition only if that takes frames", () => {
  expect(mix.transition()).toBeNull();

  settings.set({ steps: 8, method: "slerp" });

  expect(mix.transition()).toEqual({
    transition: { num_steps: 8, temporal_interpolation_method: "slerp" },
  });
});

it("remembers each mix once, newest first, up to its limit", () => {
  for (let number = 0; number < HISTORY_KEPT + 5; number++) {
    mix.edit(0, { text: `mix ${number}` });
    mix.remember();
  }
  mix.edit(0, { text: "mix 20" });
  mix.remember();

  const { history } = settings.getSnapshot();
  expect(history).toHaveLength(HISTORY_KEPT);
  expect(history.filter(([first]) => first?.text === "mix 20")).toHaveLength(1);
  expect(history[0]).toEqual([{ text: "mix 20", weight: 1 }]);
});

it("reads prompts in every form that servers and scripts use", () => {
  expect(promptsIn("a")).toEqual([{ text: "a", weight: 1 }]);
  expect(promptsIn(["a", { text: "b", weight: 2 }, 3])).toEqual([
    { text: "a", weight: 1 },
    { text: "b", weight: 2 },
  ]);
  expect(promptsIn(null)).toEqual([]);
});

it("writes a mix in one line", () => {
  expect(lineOf([{ text: "a", weight: 0.3 }])).toBe("a");
  expect(
    lineOf([
      { text: "a", weight: 0.3 },
      { text: "b", weight: 1 },
    ]),
  ).toBe("a × 0.3 + b × 1");
});
