import { Latest } from "../lib/Latest";
import { without } from "../lib/values";
import type { Json, Values } from "../types/stream";

/** What an update may set that is no pipeline's. */
const OF_THE_SESSION = ["paused", "input_source"];

/** Updates on their way to the server: one message an animation frame, kept until the server has answered it. */
export class Outbox {
  private unsent: Values | null = null;
  private readonly unanswered = new Map<number, Values>();
  private mark = 0;
  /** The latest wait for an animation frame. */
  private readonly latest = new Latest();

  constructor(private readonly transmit: (values: Values) => boolean) {}

  /** The newest value of each name within one animation frame goes out. */
  put(values: Values): void {
    if (this.unsent) {
      this.unsent = followed(this.unsent, values);
      return;
    }
    this.unsent = { ...values };
    const signal = this.latest.start();
    requestAnimationFrame(() => {
      if (!signal.aborted) this.flush();
    });
  }

  /** The server has answered the update with this mark; gives what it was, and null for one that is not known. */
  answered(mark: Json | undefined): Values | null {
    if (typeof mark !== "number") return null;
    const values = this.unanswered.get(mark) ?? null;
    this.unanswered.delete(mark);
    return values;
  }

  /** Whether the newest value of this name is still on its way. */
  awaits(name: string): boolean {
    const waiting = [...this.unanswered.values(), ...(this.unsent ? [this.unsent] : [])];
    return waiting.some((values) => name in values);
  }

  /** Sends what a connection took along when it was lost; to apply an update twice changes nothing. */
  resend(): void {
    if (this.unanswered.size === 0) return;
    const all = [...this.unanswered.values()].reduce<Values>(followed, {});
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
    const mark = ++this.mark;
    this.unanswered.set(mark, values);
    this.transmit({ ...values, id: mark });
  }
}

/** Both updates in one. Parameters of the pipeline before mean nothing to the next one. */
function followed(before: Values, after: Values): Values {
  if (!("pipeline_id" in after)) return { ...before, ...after };
  return { ...without(before, (name) => !OF_THE_SESSION.includes(name)), ...after };
}
