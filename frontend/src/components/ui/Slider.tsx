import * as Radix from "@radix-ui/react-slider";

interface Props {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  disabled?: boolean;
  onChange: (value: number) => void;
}

export function Slider({ label, value, min, max, step, disabled = false, onChange }: Props) {
  return (
    <Radix.Root
      className="relative flex h-5 w-full touch-none items-center data-disabled:opacity-50"
      value={[value]}
      min={min}
      max={max}
      step={step}
      disabled={disabled}
      onValueChange={([next]) => next !== undefined && onChange(next)}
    >
      <Radix.Track className="relative h-1.5 grow rounded-full bg-slate-700">
        <Radix.Range className="absolute h-full rounded-full bg-emerald-400" />
      </Radix.Track>
      <Radix.Thumb
        aria-label={label}
        className="block size-4 rounded-full bg-white shadow focus-visible:outline-2 focus-visible:outline-offset-2 focus-visible:outline-emerald-400"
      />
    </Radix.Root>
  );
}
