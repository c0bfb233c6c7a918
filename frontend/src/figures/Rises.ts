/** A mean over a longer time says nothing of the present. */
const LONGEST_MS = 15_000;

/** Counts that only rise become rates. */
export class Rises {
  private before = new Map<string, { at: number; count: number }>();

  /** The rise of `name` in a second since the reading before; null at the first, after a gap, and where it fell. */
  perSecond(name: string, at: number, count: number): number | null {
    const rise = this.rise(name, at, count);
    return rise === null || rise.ms <= 0 ? null : (rise.count / rise.ms) * 1000;
  }

  /** The rise of `name` and the time that it took. */
  rise(name: string, at: number, count: number): { ms: number; count: number } | null {
    const before = this.before.get(name);
    this.before.set(name, { at, count });
    if (!before || at - before.at > LONGEST_MS || count < before.count) return null;
    return { ms: at - before.at, count: count - before.count };
  }

  /** The counts begin anew. */
  clear(): void {
    this.before.clear();
  }
}
