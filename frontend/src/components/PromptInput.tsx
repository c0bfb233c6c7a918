import { type RefObject, useRef } from "react";

import { blendsPrompts } from "../lib/controls";
import { editable, promptsIn, sharesOf } from "../state/PromptMix";
import { settings as settingsStore, steering } from "../state/page";
import { MAX_PROMPTS } from "../state/SettingsStore";
import { METHODS, MAX_STEPS, type Method, type Settings } from "../types/setup";
import type { Pipeline } from "../types/api";
import type { StreamSnapshot } from "../rtc/snapshot";
import { PromptHistory } from "./PromptHistory";
import { PromptLine } from "./PromptLine";
import { PromptState } from "./PromptState";
import { Button } from "./ui/Button";
import { PlusIcon } from "./ui/icons";
import { NumberBox } from "./ui/NumberBox";
import { Select } from "./ui/Select";

interface Props {
  pipeline: Pipeline | null;
  stream: StreamSnapshot;
  settings: Settings;
  /** The first prompt's. */
  textarea: RefObject<HTMLTextAreaElement | null>;
}

const METHOD_NAMES: Record<Method, string> = { linear: "Linear", slerp: "Spherical" };

/** The prompts: one text, or a mix of several. Says so if the pipeline takes none. */
export function PromptInput(props: Props) {
  const { pipeline, stream, settings } = props;
  const form = useRef<HTMLFormElement>(null);
  if (!pipeline) return null;
  if (!pipeline.supports_prompts) {
    return (
      <p className="px-4 py-3 text-xs text-muted sm:px-5">
        {pipeline.name} takes no prompts; adjust it under Pipeline.
      </p>
    );
  }
  const prompts = editable(settings.prompts);
  const shares = sharesOf(prompts);
  const usual = promptsIn(pipeline.config_schema.properties?.["prompts"]?.default);
  const empty = prompts.every((prompt) => prompt.text.trim() === "");
  const add = () => {
    steering.mix.add();
    // The new line is rendered after this event.
    setTimeout(() => form.current?.querySelector<HTMLElement>("li:last-of-type textarea")?.focus());
  };
  return (
    <form
      ref={form}
      aria-label="Prompt"
      className="space-y-3 px-4 py-4 sm:px-5"
      onSubmit={(event) => {
        event.preventDefault();
        steering.sendPrompts();
      }}
    >
      <ul className="space-y-2">
        {prompts.map((prompt, at) => (
          // A line is its position.
          <PromptLine
            key={at}
            at={at}
            textarea={at === 0 ? props.textarea : null}
            prompt={prompt}
            share={shares[at] ?? null}
            alone={prompts.length === 1}
            placeholder={usual[at]?.text ?? "Describe what you want to see …"}
            onText={(text) => steering.mix.edit(at, { text })}
            onWeight={(weight) => steering.setWeight(at, weight)}
            onSolo={() => steering.solo(at)}
            onRemove={() => steering.removePrompt(at)}
            onSend={steering.sendPrompts}
          />
        ))}
      </ul>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <Button size="small" disabled={prompts.length >= MAX_PROMPTS} onClick={add}>
          <PlusIcon /> Add a prompt
        </Button>
        <PromptHistory history={settings.history} onRecall={steering.recall} />
        {blendsPrompts(pipeline) && <Transition settings={settings} />}
        <div className="ml-auto flex items-center gap-3">
          <PromptState stream={stream} />
          <Button type="submit" look="primary" disabled={empty}>
            Send
          </Button>
        </div>
      </div>
    </form>
  );
}

function Transition({ settings }: Pick<Props, "settings">) {
  return (
    <div role="group" aria-label="Transition" className="flex items-center gap-2 text-xs text-soft">
      <span aria-hidden>Over</span>
      <NumberBox
        label="Transition length in frames"
        value={settings.steps}
        min={0}
        max={MAX_STEPS}
        step={1}
        fit={(steps) => Math.min(Math.max(Math.round(steps), 0), MAX_STEPS)}
        onChange={(steps) => settingsStore.set({ steps })}
        className="h-7 w-14"
      />
      <span aria-hidden>frames</span>
      <div className="w-28">
        <Select
          bare
          label="Interpolation"
          value={settings.method}
          disabled={settings.steps === 0}
          options={METHODS.map((value) => ({ value, label: METHOD_NAMES[value] }))}
          onChange={(method) => settingsStore.set({ method: method as Method })}
        />
      </div>
    </div>
  );
}
