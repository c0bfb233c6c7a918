import { type ReactNode, useEffect, useState } from "react";

import { copy } from "../../lib/clipboard";
import { Button } from "./Button";

const SHOWN_MS = 2000;

/** Copies text and says whether that worked. */
export function CopyButton({ text, children }: { text: () => string; children: ReactNode }) {
  const [done, setDone] = useState<boolean | null>(null);
  useEffect(() => {
    if (done === null) return;
    const timer = setTimeout(() => setDone(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const words = done ? "Copied" : "The browser did not copy it; select the text instead";
  return (
    <>
      <Button onClick={() => void copy(text()).then(setDone)}>{children}</Button>
      <span role="status" className="self-center text-xs text-muted">
        {done === null ? "" : words}
      </span>
    </>
  );
}
