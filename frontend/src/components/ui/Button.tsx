import { Slot } from "@radix-ui/react-slot";
import type { ComponentProps } from "react";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:brightness-110",
  danger: "border border-tally bg-tally/12 text-problem hover:bg-tally/22",
  quiet: "border border-line bg-raised text-text hover:border-edge",
  bare: "text-soft hover:bg-raised hover:text-text aria-pressed:bg-raised aria-pressed:text-accent",
} as const;

const SIZES = { normal: "h-9 px-3.5 text-sm", small: "h-7 px-2 text-xs" } as const;

type Props = ComponentProps<"button"> & {
  look?: keyof typeof LOOKS;
  size?: keyof typeof SIZES;
  asChild?: boolean;
};

export function Button({
  look = "quiet",
  size = "normal",
  asChild = false,
  className = "",
  ...props
}: Props) {
  const Element = asChild ? Slot : "button";
  return (
    <Element
      type={asChild ? undefined : "button"}
      className={`inline-flex shrink-0 items-center justify-center gap-2 rounded-md font-medium whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:opacity-45 ${SIZES[size]} ${LOOKS[look]} ${className}`}
      {...props}
    />
  );
}
