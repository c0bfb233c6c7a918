import { useEffect, useState } from "react";

/** Whole seconds until `at` (milliseconds of `performance.now()`); null if there is no `at`. */
export function useCountdown(at: number | null): number | null {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    if (at === null) return;
    const timer = setInterval(() => setNow(performance.now()), 200);
    return () => clearInterval(timer);
  }, [at]);
  return at === null ? null : Math.max(0, Math.ceil((at - now) / 1000));
}
