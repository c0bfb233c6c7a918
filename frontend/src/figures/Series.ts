import type { Point } from "../types/figures";

/** Readings closer together than this count as one; the later one wins. */
const SAME_MS = 300;

/** The newest readings of one figure, in a ring of a fixed size. */
export class Series {
  private readonly times: Float64Array;
  /** NaN means unknown. */
  private readonly values: Float64Array;
  private next = 0;
  private count = 0;

  constructor(readonly capacity: number) {
    this.times = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
  }

  get length(): number {
    return this.count;
  }

  get oldest(): number | null {
    return this.count > 0 ? this.at((this.next - this.count + this.capacity) % this.capacity).at : null;
  }

  push(at: number, value: number | null): void {
    const newest = (this.next - 1 + this.capacity) % this.capacity;
    const same = this.count > 0 && at - (this.times[newest] ?? 0) < SAME_MS;
    const place = same ? newest : this.next;
    if (!same) {
      this.next = (this.next + 1) % this.capacity;
      this.count = Math.min(this.count + 1, this.capacity);
      this.times[place] = at;
    }
    this.values[place] = value ?? NaN;
  }

  /** The readings since `at`, oldest first. */
  since(at: number): Point[] {
    const points: Point[] = [];
    for (let back = this.count; back > 0; back--) {
      const point = this.at((this.next - back + this.capacity) % this.capacity);
      if (point.at >= at) points.push(point);
    }
    return points;
  }

  clear(): void {
    this.count = 0;
  }

  private at(place: number): Point {
    const value = this.values[place] ?? NaN;
    return { at: this.times[place] ?? 0, value: Number.isNaN(value) ? null : value };
  }
}
