import { Slot } from "@radix-ui/react-slot";
import type { ComponentProps } from "react";

const LOOKS = {
  primary: "bg-emerald-400 text-slate-950 hover:bg-emerald-300",
  danger: "bg-rose-500 text-white hover:bg-rose-400",
  quiet: "bg-slate-800 text-slate-100 hover:bg-slate-700",
} as const;

type Props = ComponentProps<"button"> & { look?: keyof typeof LOOKS; asChild?: boolean };

export function Button({ look = "quiet", asChild = false, className = "", ...props }: Props) {
  const Element = asChild ? Slot : "button";
  return (
    <Element
      type={asChild ? undefined : "button"}
      className={`inline-flex h-9 items-center justify-center gap-2 rounded-lg px-4 text-sm font-medium transition-colors disabled:cursor-not-allowed disabled:opacity-40 ${LOOKS[look]} ${className}`}
      {...props}
    />
  );
}
