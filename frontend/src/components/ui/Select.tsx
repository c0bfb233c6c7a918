import { useId } from "react";

interface Props {
  label: string;
  value: string;
  options: { value: string; label: string; disabled?: boolean }[];
  onChange: (value: string) => void;
  disabled?: boolean;
  /** The label is for screen readers only. */
  bare?: boolean;
  describedBy?: string | undefined;
}

/** The browser's own list, which works with keyboard, screen reader and thumb as people expect. */
export function Select({
  label,
  value,
  options,
  onChange,
  disabled = false,
  bare = false,
  describedBy,
}: Props) {
  const id = useId();
  return (
    <div className="min-w-0 space-y-1.5">
      <label htmlFor={id} className={bare ? "sr-only" : "block text-xs font-medium text-soft"}>
        {label}
      </label>
      <select
        id={id}
        aria-describedby={describedBy}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value)}
        className="field h-9 truncate px-2.5 text-sm"
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.disabled}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}
