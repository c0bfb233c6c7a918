import { Store } from "../lib/store";
import type { Values } from "../types/stream";
import { MOST_EVENTS, type TimelineEvent, readTimeline, written } from "./timelineFile";

/** How finely changes are played back; a frame at 30 fps lasts 33 ms. */
const TICK_MS = 20;

export interface TimelineSnapshot {
  mode: "idle" | "capturing" | "playing";
  events: TimelineEvent[];
  durationMs: number;
  /** Of the playhead, or of the capture's end. */
  positionMs: number;
  loop: boolean;
}

/** Captures changes with their times, and plays them back. */
export class Timeline extends Store<TimelineSnapshot> {
  /** `performance.now()` at the start of the timeline. */
  private zero = 0;
  private next = 0;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly apply: (event: TimelineEvent) => void) {
    super({ mode: "idle", events: [], durationMs: 0, positionMs: 0, loop: false });
  }

  /** Starts a new capture from what is set at this moment. */
  readonly capture = (first: Omit<TimelineEvent, "atMs">): void => {
    this.pause();
    this.zero = performance.now();
    this.update({ mode: "capturing", events: [{ atMs: 0, ...first }], durationMs: 0, positionMs: 0 });
    this.timer = setInterval(() => {
      const positionMs = performance.now() - this.zero;
      this.update({ positionMs, durationMs: positionMs });
    }, 10 * TICK_MS);
  };

  /** Adds a change to a running capture. */
  note(parameters: Values, pipelineId?: string): void {
    const { mode, events } = this.getSnapshot();
    if (mode !== "capturing" || events.length >= MOST_EVENTS) return;
    const atMs = performance.now() - this.zero;
    const event = { atMs, parameters, ...(pipelineId === undefined ? {} : { pipelineId }) };
    this.update({ events: [...events, event], positionMs: atMs, durationMs: atMs });
  }

  /** Ends the capture, or pauses playback. */
  readonly pause = (): void => {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    const { mode } = this.getSnapshot();
    if (mode === "idle") return;
    const at = performance.now() - this.zero;
    if (mode === "capturing") this.update({ mode: "idle", durationMs: at, positionMs: 0 });
    else this.update({ mode: "idle", positionMs: Math.min(at, this.getSnapshot().durationMs) });
  };

  /** Plays from the playhead, or from the start if that is at the end. */
  readonly play = (): void => {
    this.pause();
    const { events, durationMs, positionMs } = this.getSnapshot();
    if (events.length === 0) return;
    this.playFrom(positionMs < durationMs ? positionMs : 0);
  };

  /** Moves the playhead and applies what was set at that time. */
  readonly seek = (positionMs: number): void => {
    const { mode, durationMs } = this.getSnapshot();
    if (mode === "capturing") return;
    const at = Math.min(Math.max(positionMs, 0), durationMs);
    if (mode === "playing") this.playFrom(at);
    else {
      this.update({ positionMs: at });
      this.applyAll(at);
    }
  };

  readonly setLoop = (loop: boolean): void => this.update({ loop });

  readonly clear = (): void => {
    this.pause();
    this.update({ events: [], durationMs: 0, positionMs: 0 });
  };

  export(): string {
    return written(this.getSnapshot().events);
  }

  /** Loads the text of a file. If it is not a timeline, throws a sentence and changes nothing. */
  import(text: string): void {
    const events = readTimeline(text);
    this.pause();
    this.update({ events, durationMs: events.at(-1)?.atMs ?? 0, positionMs: 0 });
  }

  private playFrom(positionMs: number): void {
    if (this.timer) clearInterval(this.timer);
    this.zero = performance.now() - positionMs;
    this.applyAll(positionMs);
    this.update({ mode: "playing", positionMs });
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  private tick(): void {
    const { events, durationMs, loop } = this.getSnapshot();
    const at = performance.now() - this.zero;
    for (let event = events[this.next]; event && event.atMs <= at; event = events[this.next]) {
      this.next++;
      this.apply(event);
    }
    if (at < durationMs) return this.update({ positionMs: at });
    if (loop && durationMs > 0) return this.playFrom(0);
    this.pause();
  }

  /** Applies everything up to `positionMs` at once: the newest pipeline, and the newest value of each parameter. */
  private applyAll(positionMs: number): void {
    const { events } = this.getSnapshot();
    const past = events.filter((event) => event.atMs <= positionMs);
    this.next = past.length;
    const whole = past.reduce<TimelineEvent | null>((sum, event) => {
      if (!sum || event.pipelineId !== undefined) return event;
      return { ...sum, parameters: { ...sum.parameters, ...event.parameters } };
    }, null);
    if (whole) this.apply(whole);
  }
}
