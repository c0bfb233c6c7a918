import { type Control, fitted } from "../lib/controls";
import type { Json } from "../types/stream";
import { IconButton } from "./ui/IconButton";
import { MinusIcon, PlusIcon } from "./ui/icons";
import { NumberBox } from "./ui/NumberBox";
import { Slider } from "./ui/Slider";

interface Props {
  control: Control;
  value: Json;
  disabled: boolean;
  onChange: (value: Json) => void;
}

/** A list of numbers, such as denoising steps, as upright sliders side by side. */
export function ListControl({ control, value, disabled, onChange }: Props) {
  const numbers = numbersOf(value);
  const usual = numbersOf(control.initial);
  const put = (at: number, number: number) =>
    onChange(numbers.map((entry, index) => (index === at ? number : entry)));
  const bounded = control.min !== null && control.max !== null;
  return (
    <ol
      aria-label={control.label}
      className="grid grid-cols-[repeat(auto-fill,minmax(3.25rem,1fr))] gap-2 pb-1"
    >
      {numbers.map((number, at) => (
        // An entry is its position.
        <li key={at} className="flex flex-col items-center gap-1.5">
          {bounded && (
            <Slider
              upright
              label={`${control.label} ${at + 1}`}
              value={number}
              min={control.min ?? 0}
              max={control.max ?? 1}
              step={control.step}
              mark={usual[at] ?? null}
              disabled={disabled}
              onChange={(next) => put(at, next)}
            />
          )}
          <NumberBox
            label={`${control.label} ${at + 1}, number`}
            value={number}
            min={control.min}
            max={control.max}
            step={control.step}
            disabled={disabled}
            fit={(next) => fitted(control, next)}
            onChange={(next) => put(at, next)}
            className="h-7 px-1 text-center"
          />
        </li>
      ))}
    </ol>
  );
}

/** Adds or removes an entry, within the schema's limits. */
export function ListLength({ control, value, disabled, onChange }: Props) {
  const numbers = numbersOf(value);
  const { fewest, most } = control.entries;
  const add = () => {
    const next = numbersOf(control.initial)[numbers.length] ?? fitted(control, numbers.at(-1) ?? 0);
    onChange([...numbers, next]);
  };
  return (
    <>
      <IconButton
        small
        label={`Remove the last of ${control.label}`}
        icon={<MinusIcon />}
        disabled={disabled || numbers.length <= fewest}
        onClick={() => onChange(numbers.slice(0, -1))}
      />
      <IconButton
        small
        label={`Add to ${control.label}`}
        icon={<PlusIcon />}
        disabled={disabled || numbers.length >= most}
        onClick={add}
      />
    </>
  );
}

function numbersOf(value: Json): number[] {
  return Array.isArray(value) ? value.map((entry) => (typeof entry === "number" ? entry : 0)) : [];
}
