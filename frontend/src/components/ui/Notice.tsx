import type { ReactNode } from "react";

import { asSentence } from "../../lib/format";

const LOOKS = {
  problem: "border-problem text-problem",
  hint: "border-warn text-warn",
  quiet: "border-edge text-soft",
} as const;

/** What a person should know; a problem is announced at once. */
export function Notice({ look, children }: { look: keyof typeof LOOKS; children: ReactNode }) {
  return (
    <p
      role={look === "problem" ? "alert" : "status"}
      className={`border-l-2 py-0.5 pl-3 text-xs [overflow-wrap:anywhere] ${LOOKS[look]}`}
    >
      {typeof children === "string" ? asSentence(children) : children}
    </p>
  );
}
