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

/** Numbers in their order, such as denoising steps: upright faders side by side, as many as the schema allows. */
export function ListControl({ control, value, disabled, onChange }: Props) {
  const numbers = Array.isArray(value) ? value.map((entry) => (typeof entry === "number" ? entry : 0)) : [];
  const { fewest, most } = control.entries;
  const usual = Array.isArray(control.initial) ? control.initial : [];
  const put = (at: number, number: number) =>
    onChange(numbers.map((entry, index) => (index === at ? number : entry)));
  const add = () => {
    const next = usual[numbers.length];
    onChange([...numbers, typeof next === "number" ? next : fitted(control, numbers.at(-1) ?? 0)]);
  };
  const bounded = control.min !== null && control.max !== null;
  return (
    <div role="group" aria-label={control.label} className="flex items-end gap-2">
      <ol className="flex min-w-0 grow flex-wrap gap-2">
        {numbers.map((number, at) => (
          // The place is what an entry is.
          <li key={at} className="flex w-14 flex-col items-center gap-1.5">
            {bounded && (
              <Slider
                upright
                label={`${control.label} ${at + 1}`}
                value={number}
                min={control.min ?? 0}
                max={control.max ?? 1}
                step={control.step}
                mark={typeof usual[at] === "number" ? usual[at] : null}
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
      <div className="flex flex-col">
        <IconButton
          small
          label={`Add to ${control.label}`}
          icon={<PlusIcon />}
          disabled={disabled || numbers.length >= most}
          onClick={add}
        />
        <IconButton
          small
          label={`Take the last of ${control.label} away`}
          icon={<MinusIcon />}
          disabled={disabled || numbers.length <= fewest}
          onClick={() => onChange(numbers.slice(0, -1))}
        />
      </div>
    </div>
  );
}
