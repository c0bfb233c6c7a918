import { Store } from "../lib/store";
import type { Values } from "../types/stream";
import { MOST_EVENTS, type TimelineEvent, readTimeline, written } from "./timelineFile";

/** How finely changes are played; a frame of video is 33 ms. */
const TICK_MS = 20;

export interface TimelineSnapshot {
  mode: "idle" | "capturing" | "playing";
  events: TimelineEvent[];
  durationMs: number;
  /** Of the playing head, or of the capture's end. */
  positionMs: number;
  loop: boolean;
}

/** Captures what is set with its time, and sets it again at the same times. */
export class Timeline extends Store<TimelineSnapshot> {
  /** The moment of `performance.now()` that is the timeline's 0. */
  private zero = 0;
  private next = 0;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly apply: (event: TimelineEvent) => void) {
    super({ mode: "idle", events: [], durationMs: 0, positionMs: 0, loop: false });
  }

  /** Starts afresh with what is set at this moment. */
  readonly capture = (first: Omit<TimelineEvent, "atMs">): void => {
    this.pause();
    this.zero = performance.now();
    this.update({ mode: "capturing", events: [{ atMs: 0, ...first }], durationMs: 0, positionMs: 0 });
    this.timer = setInterval(() => {
      const positionMs = performance.now() - this.zero;
      this.update({ positionMs, durationMs: positionMs });
    }, 10 * TICK_MS);
  };

  /** Something was set; it is kept while capturing. */
  note(parameters: Values, pipelineId?: string): void {
    const { mode, events } = this.getSnapshot();
    if (mode !== "capturing" || events.length >= MOST_EVENTS) return;
    const atMs = performance.now() - this.zero;
    const event = { atMs, parameters, ...(pipelineId === undefined ? {} : { pipelineId }) };
    this.update({ events: [...events, event], positionMs: atMs, durationMs: atMs });
  }

  /** Ends the capture, or holds what plays. */
  readonly pause = (): void => {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    const { mode } = this.getSnapshot();
    if (mode === "idle") return;
    const at = performance.now() - this.zero;
    if (mode === "capturing") this.update({ mode: "idle", durationMs: at, positionMs: 0 });
    else this.update({ mode: "idle", positionMs: Math.min(at, this.getSnapshot().durationMs) });
  };

  /** Plays from the head on, from the start where the head is at the end. */
  readonly play = (): void => {
    this.pause();
    const { events, durationMs, positionMs } = this.getSnapshot();
    if (events.length === 0) return;
    this.playFrom(positionMs < durationMs ? positionMs : 0);
  };

  /** Moves the head; what was set there is set. */
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

  /** Takes a file's text in; throws one sentence, and keeps what there was, where it is no timeline. */
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

  /** Everything up to `positionMs` in one: the newest value of each name, of the newest pipeline. */
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
