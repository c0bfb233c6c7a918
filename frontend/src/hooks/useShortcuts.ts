import { useEffect, useRef } from "react";

import { type Action, actionOf } from "../state/shortcuts";

/** Runs the action of a single key while `enabled`. */
export function useShortcuts(enabled: boolean, act: (action: Action) => void): void {
  const newest = useRef(act);
  useEffect(() => {
    newest.current = act;
  });
  useEffect(() => {
    if (!enabled) return;
    const onKey = (event: KeyboardEvent) => {
      const action = actionOf(event);
      if (!action) return;
      event.preventDefault();
      newest.current(action);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [enabled]);
}
