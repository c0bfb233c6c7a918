import type { Point } from "../types/figures";

/** Readings further apart have a gap between them: the page was hidden, or nobody asked. */
const GAP_MS = 6000;
/** Readings come once a second, some of them late. */
const HOLD_MS = 2500;

export interface Frame {
  /** The newest time, at the right edge. */
  now: number;
  windowMs: number;
  width: number;
  height: number;
  /** The value at the upper edge; 0 is at the lower one. */
  top: number;
}

/** A round number not under `value`: 1, 2 or 5 with zeros, and at least `least`. */
export function roundTop(value: number, least: number): number {
  const wanted = Math.max(value, least);
  if (!(wanted > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 5, 10].find((factor) => factor * power >= wanted * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** SVG path of a line; it is broken where a value is not known. */
export function linePath(points: Point[], frame: Frame): string {
  return runs(points)
    .map((run) => `M${run.map((point) => place(point, frame)).join("L")}`)
    .join("");
}

/** SVG path of the area between `upper` and `lower`, which have their points at the same times. */
export function areaPath(upper: Point[], lower: Point[], frame: Frame): string {
  const floor = new Map(lower.map((point) => [point.at, point.value ?? 0]));
  return runs(upper)
    .map((run) => {
      const back = [...run].reverse().map(({ at }) => ({ at, value: floor.get(at) ?? 0 }));
      return `M${[...run, ...back].map((point) => place(point, frame)).join("L")}Z`;
    })
    .join("");
}

/**
 * Lines on top of each other, the first one lowest; what is not known adds nothing to those above it. Where nothing at
 * all is known, the sum is not known either. The lines may be read at different times: a reading holds for a while.
 */
export function stack(lines: Point[][]): Point[][] {
  const times = [...new Set(lines.flatMap((points) => points.map((point) => point.at)))].sort(
    (a, b) => a - b,
  );
  const sums = times.map((): number | null => null);
  return lines.map((points) => {
    let next = 0;
    return times.map((at, place) => {
      while (next < points.length && (points[next]?.at ?? Infinity) <= at) next++;
      const held = points[next - 1];
      const own = held && at - held.at <= HOLD_MS ? held.value : null;
      const below = sums[place] ?? null;
      const value = own === null ? below : (below ?? 0) + own;
      sums[place] = value;
      return { at, value };
    });
  });
}

/** The reading nearest to `at`, within a gap's length. */
export function nearest(points: Point[], at: number): Point | null {
  let best: Point | null = null;
  for (const point of points) {
    if (!best || Math.abs(point.at - at) < Math.abs(best.at - at)) best = point;
  }
  return best && Math.abs(best.at - at) <= GAP_MS ? best : null;
}

export function greatest(lines: Point[][]): number {
  return Math.max(0, ...lines.flatMap((points) => points.map((point) => point.value ?? 0)));
}

function runs(points: Point[]): Known[][] {
  const found: Known[][] = [];
  let run: Known[] = [];
  let before: number | null = null;
  for (const { at, value } of points) {
    const broken = value === null || (before !== null && at - before > GAP_MS);
    if (broken && run.length > 0) {
      found.push(run);
      run = [];
    }
    if (value !== null) run.push({ at, value });
    before = at;
  }
  if (run.length > 0) found.push(run);
  return found;
}

interface Known {
  at: number;
  value: number;
}

function place({ at, value }: Known, frame: Frame): string {
  const x = frame.width * (1 - (frame.now - at) / frame.windowMs);
  const y = frame.height * (1 - Math.min(value, frame.top) / frame.top);
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
