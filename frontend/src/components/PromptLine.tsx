import type { RefObject } from "react";

import * as format from "../lib/format";
import type { Prompt } from "../types/setup";
import { IconButton } from "./ui/IconButton";
import { CloseIcon } from "./ui/icons";
import { Slider } from "./ui/Slider";

const WEIGHT = { min: 0, max: 2, step: 0.05 };

interface Props {
  at: number;
  textarea: RefObject<HTMLTextAreaElement | null> | null;
  prompt: Prompt;
  /** Its share of the mix, 0 to 1. */
  share: number | null;
  alone: boolean;
  placeholder: string;
  onText: (text: string) => void;
  onWeight: (weight: number) => void;
  onSolo: () => void;
  onRemove: () => void;
  onSend: () => void;
}

/** One prompt of the mix, with its weight if there are several. */
export function PromptLine(props: Props) {
  const { at, prompt, share, alone } = props;
  const name = alone ? "Prompt" : `Prompt ${at + 1}`;
  return (
    <li className="flex flex-wrap items-start gap-x-2 gap-y-1">
      <textarea
        aria-label={name}
        ref={props.textarea}
        rows={1}
        value={prompt.text}
        maxLength={4000}
        placeholder={props.placeholder}
        onChange={(event) => props.onText(event.target.value)}
        onKeyDown={(event) => {
          // While an input method composes, Enter belongs to it.
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          props.onSend();
        }}
        className="field field-sizing-content max-h-40 min-h-9 min-w-48 flex-1 resize-none px-3 py-2 text-sm"
      />
      {!alone && (
        <div className="flex h-9 items-center gap-1 max-sm:w-full">
          <div className="w-28 max-sm:grow">
            <Slider
              label={`Weight of prompt ${at + 1}`}
              value={Math.min(prompt.weight, WEIGHT.max)}
              mark={1}
              {...WEIGHT}
              onChange={props.onWeight}
            />
          </div>
          <span className="w-11 text-right font-mono text-xs text-soft tabular-nums">
            {format.percent(share === null ? null : share * 100)}
          </span>
          <button
            type="button"
            aria-label={`Solo prompt ${at + 1}`}
            title="Only this prompt; press again for all"
            aria-pressed={share === 1}
            onClick={props.onSolo}
            className="engraved size-7 rounded-md text-muted hover:bg-raised hover:text-text aria-pressed:bg-raised aria-pressed:text-accent"
          >
            S
          </button>
          <IconButton small label={`Remove prompt ${at + 1}`} icon={<CloseIcon />} onClick={props.onRemove} />
        </div>
      )}
    </li>
  );
}
