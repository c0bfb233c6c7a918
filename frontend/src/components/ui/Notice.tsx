import type { ReactNode } from "react";

const LOOKS = {
  problem: "border-rose-500/40 bg-rose-500/10 text-rose-200",
  hint: "border-amber-400/40 bg-amber-400/10 text-amber-100",
} as const;

export function Notice({ look, children }: { look: keyof typeof LOOKS; children: ReactNode }) {
  return (
    <p
      role={look === "problem" ? "alert" : "status"}
      className={`rounded-lg border px-3 py-2 text-sm ${LOOKS[look]}`}
    >
      {children}
    </p>
  );
}
