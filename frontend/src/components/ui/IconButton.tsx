import type { ComponentProps, ReactNode } from "react";

interface Props extends Omit<ComponentProps<"button">, "children"> {
  /** For screen readers, and as a tooltip. */
  label: string;
  icon: ReactNode;
  /** The key that does the same. */
  shortcut?: string;
  small?: boolean;
}

/** A button that shows only an icon. */
export function IconButton({ label, icon, shortcut, small = false, className = "", ...props }: Props) {
  return (
    <button
      type="button"
      aria-label={label}
      title={shortcut ? `${label} (${shortcut})` : label}
      className={`inline-flex shrink-0 items-center justify-center rounded-md text-soft transition-colors hover:bg-raised hover:text-text disabled:cursor-not-allowed disabled:opacity-40 disabled:hover:bg-transparent aria-pressed:bg-raised aria-pressed:text-accent ${small ? "size-7" : "size-9"} ${className}`}
      {...props}
    >
      {icon}
    </button>
  );
}
