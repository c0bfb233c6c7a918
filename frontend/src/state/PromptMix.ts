import { same } from "../lib/values";
import type { Prompt } from "../types/setup";
import type { Json, Values } from "../types/stream";
import { HISTORY_KEPT, MAX_PROMPTS, type SettingsStore } from "./SettingsStore";

const EMPTY: Prompt = { text: "", weight: 1 };

/** The prompts being edited and the mixes that were sent before; stored with the settings. */
export class PromptMix {
  constructor(private readonly settings: SettingsStore) {}

  /** At least one line to write in. */
  get prompts(): Prompt[] {
    return editable(this.settings.getSnapshot().prompts);
  }

  readonly edit = (at: number, change: Partial<Prompt>): void =>
    this.put(this.prompts.map((prompt, index) => (index === at ? { ...prompt, ...change } : prompt)));

  readonly add = (): void => {
    if (this.prompts.length < MAX_PROMPTS) this.put([...this.prompts, EMPTY]);
  };

  readonly remove = (at: number): void => this.put(this.prompts.filter((_, index) => index !== at));

  /** Gives all weight to this prompt; a second call brings the others back. */
  readonly solo = (at: number): void => {
    const { prompts } = this;
    const alone = prompts.every((prompt, index) => index === at || prompt.weight === 0);
    this.put(prompts.map((prompt, index) => ({ ...prompt, weight: alone || index === at ? 1 : 0 })));
  };

  readonly recall = (mix: Prompt[]): void => this.put(mix);

  /** What the server gets: the prompts that are not empty; null if there are none. */
  payload(): { prompts: Json } | null {
    const prompts = this.prompts.map(({ text, weight }) => ({ text: text.trim(), weight }));
    const said = prompts.filter((prompt) => prompt.text !== "");
    return said.length > 0 ? { prompts: said } : null;
  }

  /** How the mix replaces the one before; null for at once. */
  transition(): Values | null {
    const { steps, method } = this.settings.getSnapshot();
    if (steps === 0) return null;
    return { transition: { num_steps: steps, temporal_interpolation_method: method } };
  }

  /** Adds the current mix to the top of the history. */
  remember(): void {
    const { history } = this.settings.getSnapshot();
    const mix = this.prompts.filter((prompt) => prompt.text.trim() !== "");
    if (mix.length === 0) return;
    const others = history.filter((known) => !same(known, mix));
    this.settings.set({ history: [mix, ...others].slice(0, HISTORY_KEPT) });
  }

  private put(prompts: Prompt[]): void {
    this.settings.set({ prompts });
  }
}

export function editable(prompts: Prompt[]): Prompt[] {
  return prompts.length > 0 ? prompts : [EMPTY];
}

/** Each prompt's share of the mix, 0 to 1; null for an empty prompt, and if all weights are 0. */
export function sharesOf(prompts: Prompt[]): (number | null)[] {
  const counts = (prompt: Prompt) => prompt.text.trim() !== "";
  const whole = prompts.filter(counts).reduce((sum, prompt) => sum + prompt.weight, 0);
  return prompts.map((prompt) => (counts(prompt) && whole > 0 ? prompt.weight / whole : null));
}

/** A mix in one line, for a list. */
export function lineOf(mix: Prompt[]): string {
  const [only] = mix;
  if (mix.length === 1 && only) return only.text;
  return mix.map(({ text, weight }) => `${text} × ${weight}`).join(" + ");
}

/** The prompts in a parameter's value, in any of its forms. */
export function promptsIn(value: Json | undefined): Prompt[] {
  if (typeof value === "string") return value ? [{ text: value, weight: 1 }] : [];
  if (!Array.isArray(value)) return [];
  return value.flatMap((item): Prompt[] => {
    if (typeof item === "string") return [{ text: item, weight: 1 }];
    if (typeof item !== "object" || item === null || Array.isArray(item)) return [];
    const { text, weight } = item;
    return typeof text === "string" ? [{ text, weight: typeof weight === "number" ? weight : 1 }] : [];
  });
}
