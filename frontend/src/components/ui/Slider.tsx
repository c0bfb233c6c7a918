import * as Radix from "@radix-ui/react-slider";

interface Props {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  disabled?: boolean;
  /** Where a notch marks the default. */
  mark?: number | null;
  unit?: string;
  upright?: boolean;
  describedBy?: string | undefined;
  onChange: (value: number) => void;
}

/** A slider, horizontal or vertical. */
export function Slider({
  label,
  mark = null,
  unit = "",
  upright = false,
  describedBy,
  onChange,
  value,
  ...range
}: Props) {
  const { min, max } = range;
  const notch = mark === null || mark < min || mark > max ? null : `${((mark - min) / (max - min)) * 100}%`;
  return (
    <Radix.Root
      orientation={upright ? "vertical" : "horizontal"}
      className="group relative flex touch-none items-center justify-center select-none data-disabled:opacity-50 data-[orientation=horizontal]:h-6 data-[orientation=horizontal]:w-full data-[orientation=vertical]:h-28 data-[orientation=vertical]:w-6 data-[orientation=vertical]:flex-col"
      value={[value]}
      onValueChange={([next]) => next !== undefined && onChange(next)}
      {...range}
    >
      <Radix.Track className="relative grow rounded-full bg-line group-data-[orientation=horizontal]:h-1 group-data-[orientation=vertical]:w-1">
        <Radix.Range className="absolute rounded-full bg-accent group-data-[orientation=horizontal]:h-full group-data-[orientation=vertical]:w-full" />
        {notch && (
          <span
            aria-hidden
            className={`absolute bg-muted ${upright ? "-left-1.5 h-px w-4" : "-top-1.5 h-4 w-px"}`}
            style={upright ? { bottom: notch } : { left: notch }}
          />
        )}
      </Radix.Track>
      <Radix.Thumb
        aria-label={label}
        aria-describedby={describedBy}
        aria-valuetext={unit ? `${value} ${unit}` : undefined}
        className="block rounded-sm border border-ground bg-text shadow-sm transition-colors group-data-[orientation=horizontal]:h-5 group-data-[orientation=horizontal]:w-2.5 group-data-[orientation=vertical]:h-2.5 group-data-[orientation=vertical]:w-5 hover:bg-accent focus-visible:bg-accent"
      />
    </Radix.Root>
  );
}
