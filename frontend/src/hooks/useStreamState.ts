import type { StreamSnapshot } from "../rtc/snapshot";
import { session } from "../state/page";
import { useStore } from "./useStore";

window.addEventListener("pagehide", () => void session.stop());
exposeForTests();

/** The state of the page's stream, which outlives the components. */
export function useStreamState(): StreamSnapshot {
  return useStore(session);
}

/** A read-only view for tests and for a person at the browser's console. */
function exposeForTests(): void {
  const { meter } = session.metrics;
  const view = {
    state: () => session.getSnapshot().phase,
    sessionId: () => session.getSnapshot().sessionId,
    metrics: () => session.getSnapshot().metrics,
    delayMs: () => session.getSnapshot().metrics.delay?.ms ?? null,
    lastStamp: () => meter.lastStamp,
    stamps: () => meter.frames.map((frame) => frame.stamp),
    frames: () => [...meter.frames],
  };
  Object.defineProperty(window, "scope", { value: Object.freeze(view) });
}
