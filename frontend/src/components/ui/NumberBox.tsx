import { useState } from "react";

interface Props {
  label: string;
  value: number | null;
  min: number | null;
  max: number | null;
  step: number;
  disabled?: boolean;
  describedBy?: string | undefined;
  className?: string;
  /** Returns the nearest number that is allowed. */
  fit: (value: number) => number;
  onChange: (value: number) => void;
}

/** A field for a number: one that is allowed applies while typing, any other is corrected at the end. */
export function NumberBox({
  label,
  value,
  min,
  max,
  step,
  fit,
  onChange,
  className = "",
  describedBy,
  ...props
}: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  const write = (text: string) => {
    setDraft(text);
    const number = Number(text);
    if (text.trim() !== "" && Number.isFinite(number) && fit(number) === number) onChange(number);
  };
  const finish = () => {
    const number = Number(draft);
    if (draft !== null && draft.trim() !== "" && Number.isFinite(number)) onChange(fit(number));
    setDraft(null);
  };
  return (
    <input
      {...props}
      type="number"
      aria-label={label}
      aria-describedby={describedBy}
      min={min ?? undefined}
      max={max ?? undefined}
      step={step}
      value={draft ?? (value === null ? "" : String(value))}
      onChange={(event) => write(event.target.value)}
      onBlur={finish}
      onKeyDown={(event) => event.key === "Enter" && finish()}
      className={`field [appearance:textfield] px-1.5 text-right font-mono text-xs [&::-webkit-inner-spin-button]:appearance-none ${className}`}
    />
  );
}
