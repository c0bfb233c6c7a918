import type { StreamController } from "../rtc/StreamController";
import { controller } from "../state/page";
import type { StreamSnapshot } from "../rtc/snapshot";
import { useStore } from "./useStore";

window.addEventListener("pagehide", controller.stop);
exposeForTests();

/** One controller a page: the stream outlives every component. */
export function useStream(): { stream: StreamSnapshot; controller: StreamController } {
  return { stream: useStore(controller), controller };
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
