import { useId } from "react";

import { type Control, accepts, fitted } from "../lib/controls";
import { asSentence } from "../lib/format";
import { parseJson, same } from "../lib/values";
import type { Json } from "../types/stream";
import { ListControl, ListLength } from "./ListControl";
import { IconButton } from "./ui/IconButton";
import { DiceIcon, ResetIcon } from "./ui/icons";
import { NumberBox } from "./ui/NumberBox";
import { Select } from "./ui/Select";
import { Slider } from "./ui/Slider";
import { Switch } from "./ui/Switch";
import { TextBox } from "./ui/TextBox";

interface Props {
  control: Control;
  value: Json;
  running: boolean;
  rejected: string | null;
  onChange: (value: Json) => void;
}

const WHEN: Record<Control["applies"], string> = {
  live: "",
  rebuild: "A change rebuilds the pipeline.",
  start: "Takes effect at the next start.",
};

/** The control that a parameter's schema calls for. */
export function ParameterControl(props: Props) {
  const { control, value, running, rejected } = props;
  const id = useId();
  const disabled = control.applies === "start" && running;
  const usual = control.initial === null ? "" : `Default ${shown(control, control.initial)}.`;
  const remarks = [control.description, usual, WHEN[control.applies]].filter(Boolean).join(" ");
  const changed = control.initial !== null && !same(value, control.initial);
  const reset = changed && !disabled && (
    <IconButton
      small
      label={`Reset ${control.label} to ${shown(control, control.initial)}`}
      icon={<ResetIcon />}
      onClick={() => props.onChange(control.initial)}
    />
  );
  return (
    <div className="space-y-1">
      <Input {...props} id={id} disabled={disabled} reset={reset} describedBy={`${id}-remarks`} />
      {remarks && (
        <p id={`${id}-remarks`} className="text-xs text-pretty text-muted">
          {remarks}
        </p>
      )}
      {rejected && (
        <p role="alert" className="text-xs text-problem">
          {asSentence(rejected)}
        </p>
      )}
    </div>
  );
}

type InputProps = Props & {
  id: string;
  disabled: boolean;
  reset: React.ReactNode;
  describedBy: string;
};

function Input(props: InputProps) {
  const { control, value, disabled, reset, id, onChange } = props;
  switch (control.kind) {
    case "switch":
      return (
        <Switch
          label={control.label}
          checked={value === true}
          disabled={disabled}
          describedBy={props.describedBy}
          aside={reset}
          onChange={onChange}
        />
      );
    case "select":
      return (
        <Row {...props}>
          <div className="w-36 max-w-[55%]">
            <Select
              bare
              label={control.label}
              value={JSON.stringify(value)}
              options={control.options.map((option) => ({
                value: JSON.stringify(option),
                label: String(option),
              }))}
              disabled={disabled}
              describedBy={props.describedBy}
              onChange={(chosen) => onChange(JSON.parse(chosen) as Json)}
            />
          </div>
        </Row>
      );
    case "slider":
      return <SliderRow {...props} />;
    case "number":
      return (
        <Row {...props}>
          {control.whole && control.max !== null && !disabled && (
            <IconButton
              small
              label={`Random ${control.label.toLowerCase()}`}
              icon={<DiceIcon />}
              onClick={() => onChange(atRandom(control))}
            />
          )}
          <Figure {...props} wide />
        </Row>
      );
    case "text":
    case "json":
      return (
        <>
          <Row {...props} labelFor={id} />
          <TextBox
            id={id}
            value={control.kind === "text" && typeof value === "string" ? value : written(control, value)}
            rows={control.kind === "json" ? 3 : 1}
            when={control.kind === "text" && control.applies === "live" ? "written" : "done"}
            disabled={disabled}
            describedBy={props.describedBy}
            onChange={(text) => onChange(control.kind === "text" ? text : (parseJson(text) ?? text))}
          />
        </>
      );
    case "list":
      return (
        <>
          <Row {...props}>
            <ListLength control={control} value={value} disabled={disabled} onChange={onChange} />
          </Row>
          <ListControl control={control} value={value} disabled={disabled} onChange={onChange} />
        </>
      );
    default:
      return control.kind satisfies never;
  }
}

/** A row with the label on the left and controls on the right. */
function Row({
  control,
  reset,
  children,
  labelFor,
}: InputProps & { children?: React.ReactNode; labelFor?: string }) {
  return (
    <div className="flex min-h-7 items-center justify-between gap-2">
      {labelFor ? (
        <label htmlFor={labelFor}>{control.label}</label>
      ) : (
        <span aria-hidden>{control.label}</span>
      )}
      <span className="flex min-w-0 items-center justify-end gap-1">
        {reset}
        {children}
      </span>
    </div>
  );
}

function SliderRow(props: InputProps) {
  const { control, value, disabled, onChange } = props;
  return (
    <>
      <Row {...props}>
        <Figure {...props} />
      </Row>
      <Slider
        label={control.label}
        unit={control.unit}
        value={numberOf(control, value)}
        min={control.min ?? 0}
        max={control.max ?? 1}
        step={control.step}
        mark={typeof control.initial === "number" ? control.initial : null}
        disabled={disabled}
        describedBy={props.describedBy}
        onChange={onChange}
      />
    </>
  );
}

function Figure({
  control,
  value,
  disabled,
  describedBy,
  onChange,
  wide = false,
}: InputProps & { wide?: boolean }) {
  return (
    <>
      <NumberBox
        label={`${control.label}, number`}
        value={typeof value === "number" ? value : null}
        min={control.min}
        max={control.max}
        step={control.step}
        disabled={disabled}
        describedBy={describedBy}
        fit={(number) => fitted(control, number)}
        onChange={onChange}
        className={`h-7 ${wide ? "w-28" : "w-16"}`}
      />
      {control.unit && <span className="min-w-4 text-xs text-muted">{control.unit}</span>}
    </>
  );
}

function numberOf(control: Control, value: Json): number {
  if (accepts(control, value)) return Number(value);
  return typeof control.initial === "number" ? control.initial : (control.min ?? 0);
}

function atRandom({ min, max }: Control): number {
  return Math.floor((min ?? 0) + Math.random() * ((max ?? 0) - (min ?? 0) + 1));
}

function written(control: Control, value: Json): string {
  if (control.kind === "text" || typeof value === "string") return typeof value === "string" ? value : "";
  return value === null ? "" : JSON.stringify(value);
}

/** A value as a person reads it. */
function shown(control: Control, value: Json): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return value.map(String).join(", ");
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return control.unit ? `${text} ${control.unit}` : text || "empty";
}
