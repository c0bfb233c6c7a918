import { Store } from "../lib/store";
import type { Point } from "../types/figures";
import { Series } from "./Series";

/** Fifteen minutes at one reading a second. */
const CAPACITY = 900;

export type Values = Record<string, number | null>;

/** What the figures were over the last minutes; the page's plots draw it. */
export class History extends Store<{ revision: number }> {
  private readonly series = new Map<string, Series>();

  constructor(private readonly capacity = CAPACITY) {
    super({ revision: 0 });
  }

  note(values: Values, at = performance.now()): void {
    for (const [name, value] of Object.entries(values)) {
      let series = this.series.get(name);
      if (!series) this.series.set(name, (series = new Series(this.capacity)));
      series.push(at, value);
    }
    this.update({ revision: this.getSnapshot().revision + 1 });
  }

  /** The readings of `name` that are not older than `at`, the oldest first. */
  since(name: string, at: number): Point[] {
    return this.series.get(name)?.since(at) ?? [];
  }

  /** When the oldest reading was taken that is kept; null without one. */
  get oldest(): number | null {
    const times = [...this.series.values()].map((series) => series.oldest).filter((at) => at !== null);
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** The names that begin with `prefix`, in the order in which they came. */
  names(prefix: string): string[] {
    return [...this.series.keys()].filter((name) => name.startsWith(prefix));
  }
}
