import { useSyncExternalStore } from "react";

import { StreamController } from "../rtc/StreamController";
import type { StreamSnapshot } from "../types/stream";

/** One controller a page: the stream outlives every component. */
const controller = new StreamController();
window.addEventListener("pagehide", controller.stop);
exposeForTests();

export function useStream(): { stream: StreamSnapshot; controller: StreamController } {
  const stream = useSyncExternalStore(controller.subscribe, controller.getSnapshot);
  return { stream, controller };
}

/** A read-only view for tests and for a person at the browser's console. */
function exposeForTests(): void {
  const view = {
    state: () => controller.getSnapshot().phase,
    sessionId: () => controller.getSnapshot().sessionId,
    metrics: () => controller.getSnapshot().metrics,
    delayMs: () => controller.getSnapshot().metrics.delay?.ms ?? null,
    lastStamp: () => controller.meter.lastStamp,
    stamps: () => controller.meter.frames.map((frame) => frame.stamp),
    frames: () => [...controller.meter.frames],
  };
  Object.defineProperty(window, "scope", { value: Object.freeze(view) });
}
