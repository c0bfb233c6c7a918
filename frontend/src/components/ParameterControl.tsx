import { useId } from "react";

import type { Control } from "../lib/controls";
import type { Json } from "../types/stream";
import { Select } from "./ui/Select";
import { Slider } from "./ui/Slider";
import { Switch } from "./ui/Switch";

interface Props {
  control: Control;
  value: Json;
  disabled: boolean;
  rejected: string | null;
  onChange: (value: Json) => void;
}

/** One parameter as its schema asks for it. */
export function ParameterControl(props: Props) {
  return (
    <div className="space-y-1.5">
      <Input {...props} />
      {props.control.description && <p className="text-xs text-slate-400">{props.control.description}</p>}
      {props.rejected && (
        <p role="alert" className="text-xs text-rose-300">
          {props.rejected}
        </p>
      )}
    </div>
  );
}

function Input({ control, value, disabled, onChange }: Props) {
  const id = useId();
  switch (control.kind) {
    case "switch":
      return (
        <Switch label={control.label} checked={value === true} disabled={disabled} onChange={onChange} />
      );
    case "select":
      return (
        <Select
          label={control.label}
          value={JSON.stringify(value)}
          options={control.options.map((option) => ({
            value: JSON.stringify(option),
            label: String(option),
          }))}
          disabled={disabled}
          onChange={(chosen) => onChange(JSON.parse(chosen) as Json)}
        />
      );
    case "slider": {
      const number = typeof value === "number" ? value : (control.min ?? 0);
      return (
        <>
          <div className="flex justify-between text-sm text-slate-200">
            <span>{control.label}</span>
            <output>
              {number} {control.unit}
            </output>
          </div>
          <Slider
            label={control.label}
            value={number}
            min={control.min ?? 0}
            max={control.max ?? 1}
            step={control.step}
            disabled={disabled}
            onChange={onChange}
          />
        </>
      );
    }
    case "number":
    case "text":
      return (
        <>
          <label htmlFor={id} className="text-sm text-slate-200">
            {control.label}
          </label>
          <input
            id={id}
            type={control.kind}
            value={typeof value === "string" || typeof value === "number" ? value : ""}
            disabled={disabled}
            step={control.step}
            onChange={(event) => {
              // An emptied number box says nothing yet.
              if (control.kind === "text") onChange(event.target.value);
              else if (!Number.isNaN(event.target.valueAsNumber)) onChange(event.target.valueAsNumber);
            }}
            className="h-9 w-full rounded-lg border border-slate-700 bg-slate-900 px-2.5 text-sm"
          />
        </>
      );
    default:
      return control.kind satisfies never;
  }
}
