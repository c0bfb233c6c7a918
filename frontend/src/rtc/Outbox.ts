import type { Json, Values } from "../types/stream";

/** Updates on their way to the server: one message an animation frame, kept until the server has answered it. */
export class Outbox {
  private unsent: Values | null = null;
  private readonly unanswered = new Map<number, Values>();
  private mark = 0;
  /** Rises with each clearing, so that what waited for a frame before it is dropped. */
  private era = 0;

  constructor(private readonly transmit: (values: Values) => boolean) {}

  /** The newest value of each name within one animation frame goes out. */
  put(values: Values): void {
    if (this.unsent) {
      Object.assign(this.unsent, values);
      return;
    }
    this.unsent = { ...values };
    const era = this.era;
    requestAnimationFrame(() => {
      if (era === this.era) this.flush();
    });
  }

  /** The server has answered the update with this mark. */
  answered(mark: Json | undefined): void {
    if (typeof mark === "number") this.unanswered.delete(mark);
  }

  /** Sends what a connection took along when it was lost; to apply an update twice changes nothing. */
  resend(): void {
    if (this.unanswered.size === 0) return;
    let all: Values = {};
    for (const values of this.unanswered.values()) {
      // Parameters of the pipeline before mean nothing to the next one.
      if ("pipeline_id" in values && "paused" in all) all = { paused: all["paused"] };
      else if ("pipeline_id" in values) all = {};
      Object.assign(all, values);
    }
    this.unanswered.clear();
    this.send(all);
  }

  clear(): void {
    this.era++;
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
