/** A mean over a longer time says nothing about the present. */
const LONGEST_MS = 15_000;

/** Turns counters into rates. */
export class Rates {
  private before = new Map<string, { at: number; count: number }>();

  /** Increase of `name` per second since the previous reading; null for the first one, after a gap, and if it fell. */
  perSecond(name: string, at: number, count: number): number | null {
    const increase = this.increase(name, at, count);
    return increase === null || increase.ms <= 0 ? null : (increase.count / increase.ms) * 1000;
  }

  /** Increase of `name` since the previous reading, and the time between them; null as above. */
  increase(name: string, at: number, count: number): { ms: number; count: number } | null {
    const before = this.before.get(name);
    this.before.set(name, { at, count });
    if (!before || at - before.at > LONGEST_MS || count < before.count) return null;
    return { ms: at - before.at, count: count - before.count };
  }

  /** Forgets all readings: the counters start over. */
  clear(): void {
    this.before.clear();
  }
}
