import { Latest } from "../lib/Latest";
import { without } from "../lib/values";
import type { Json, Values } from "../types/stream";

/** Keys of an update that do not belong to the pipeline. */
const SESSION_KEYS = ["paused", "input_source"];

/** Updates on their way to the server: one message per animation frame, kept until the server has answered it. */
export class Outbox {
  private unsent: Values | null = null;
  private readonly unanswered = new Map<number, Values>();
  private id = 0;
  /** The latest wait for an animation frame. */
  private readonly latest = new Latest();

  constructor(private readonly transmit: (values: Values) => boolean) {}

  /** Sends the newest value of each name with the next animation frame. */
  put(values: Values): void {
    if (this.unsent) {
      this.unsent = merged(this.unsent, values);
      return;
    }
    this.unsent = { ...values };
    const signal = this.latest.start();
    requestAnimationFrame(() => {
      if (!signal.aborted) this.flush();
    });
  }

  /** The server has answered the update with this id. Returns the update; null if unknown. */
  answered(id: Json | undefined): Values | null {
    if (typeof id !== "number") return null;
    const values = this.unanswered.get(id) ?? null;
    this.unanswered.delete(id);
    return values;
  }

  /** Whether the server has yet to answer a value of this name. */
  awaits(name: string): boolean {
    const waiting = [...this.unanswered.values(), ...(this.unsent ? [this.unsent] : [])];
    return waiting.some((values) => name in values);
  }

  /** Sends again what a lost connection may have swallowed; applying an update twice changes nothing. */
  resend(): void {
    if (this.unanswered.size === 0) return;
    const all = [...this.unanswered.values()].reduce<Values>(merged, {});
    this.unanswered.clear();
    this.send(all);
  }

  clear(): void {
    this.latest.abort();
    this.unsent = null;
    this.unanswered.clear();
  }

  private flush(): void {
    const { unsent } = this;
    this.unsent = null;
    if (unsent) this.send(unsent);
  }

  private send(values: Values): void {
    const id = ++this.id;
    this.unanswered.set(id, values);
    this.transmit({ ...values, id: id });
  }
}

/** Merges two updates. A switch of the pipeline drops the parameters of the one before. */
function merged(before: Values, after: Values): Values {
  if (!("pipeline_id" in after)) return { ...before, ...after };
  return { ...without(before, (name) => !SESSION_KEYS.includes(name)), ...after };
}
