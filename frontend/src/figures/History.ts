import { Store } from "../lib/store";
import type { Point } from "../types/figures";
import { Series } from "./Series";

/** Fifteen minutes at one reading a second. */
const CAPACITY = 900;

export type Values = Record<string, number | null>;

/** The figures of the last minutes, for the plots. */
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

  /** The readings of `name` since `at`, oldest first. */
  since(name: string, at: number): Point[] {
    return this.series.get(name)?.since(at) ?? [];
  }

  /** Time of the oldest reading; null if there is none. */
  get oldest(): number | null {
    const times = [...this.series.values()].map((series) => series.oldest).filter((at) => at !== null);
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** The names with this prefix, in the order of their first reading. */
  names(prefix: string): string[] {
    return [...this.series.keys()].filter((name) => name.startsWith(prefix));
  }
}
