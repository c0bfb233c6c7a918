import * as Radix from "@radix-ui/react-switch";
import { type ReactNode, useId } from "react";

interface Props {
  label: string;
  checked: boolean;
  disabled?: boolean;
  /** Between label and switch. */
  aside?: ReactNode;
  describedBy?: string | undefined;
  onChange: (checked: boolean) => void;
}

export function Switch({ label, checked, disabled = false, aside, describedBy, onChange }: Props) {
  const id = useId();
  return (
    <div className="flex min-h-7 items-center justify-between gap-3">
      <label htmlFor={id} className="text-sm text-text">
        {label}
      </label>
      <span className="flex items-center gap-1">
        {aside}
        <Radix.Root
          id={id}
          aria-describedby={describedBy}
          checked={checked}
          disabled={disabled}
          onCheckedChange={onChange}
          className="h-5 w-9 shrink-0 rounded-md border border-edge bg-well transition-colors disabled:cursor-not-allowed disabled:opacity-50 data-[state=checked]:border-accent data-[state=checked]:bg-accent"
        >
          <Radix.Thumb className="block h-3.5 w-3.5 translate-x-0.5 rounded-sm bg-muted transition-transform data-[state=checked]:translate-x-4.5 data-[state=checked]:bg-on-accent" />
        </Radix.Root>
      </span>
    </div>
  );
}
