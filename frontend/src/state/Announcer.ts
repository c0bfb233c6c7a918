import { Store } from "../lib/store";

export interface Announcement {
  look: "hint" | "problem";
  sentence: string | null;
  /** Different each time, so that the same sentence is announced again. */
  number: number;
}

/** Long enough to read a sentence twice. */
const SHOWN_MS = 6000;

/** Announces what a button did, on the page and to screen readers. */
export class Announcer extends Store<Announcement> {
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor() {
    super({ look: "hint", sentence: null, number: 0 });
  }

  readonly say = (sentence: string, look: Announcement["look"] = "hint"): void => {
    if (this.timer) clearTimeout(this.timer);
    this.update({ sentence, look, number: this.getSnapshot().number + 1 });
    this.timer = setTimeout(this.dismiss, SHOWN_MS);
  };

  readonly dismiss = (): void => {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.update({ sentence: null });
  };
}
