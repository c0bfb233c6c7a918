import type { Point } from "../types/figures";

/** Readings further apart than this leave a gap: the page was hidden, or nobody watched. */
const GAP_MS = 6000;
/** Readings come once a second, some of them late. */
const HOLD_MS = 2500;

export interface PlotArea {
  /** The newest time, at the right edge. */
  now: number;
  windowMs: number;
  width: number;
  height: number;
  /** The value at the upper edge; 0 is at the lower one. */
  top: number;
}

/** A round number (1, 2 or 5 times a power of ten) that is not below `value` and `least`. */
export function roundTop(value: number, least: number): number {
  const wanted = Math.max(value, least);
  if (!(wanted > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 5, 10].find((factor) => factor * power >= wanted * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** SVG path of a line, with a gap where a value is unknown. */
export function linePath(points: Point[], area: PlotArea): string {
  return runs(points)
    .map((run) => `M${run.map((point) => place(point, area)).join("L")}`)
    .join("");
}

/** SVG path of the area between `upper` and `lower`, whose points are at the same times. */
export function areaPath(upper: Point[], lower: Point[], area: PlotArea): string {
  const floor = new Map(lower.map((point) => [point.at, point.value ?? 0]));
  return runs(upper)
    .map((run) => {
      const back = [...run].reverse().map(({ at }) => ({ at, value: floor.get(at) ?? 0 }));
      return `M${[...run, ...back].map((point) => place(point, area)).join("L")}Z`;
    })
    .join("");
}

/**
 * Stacks the lines, the first at the bottom. An unknown value adds nothing; where all are unknown, so is the sum.
 * Lines may be read at different times: a reading holds for a while.
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

/** The reading nearest to `at`; null if it is further away than a gap. */
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

function place({ at, value }: Known, area: PlotArea): string {
  const x = area.width * (1 - (area.now - at) / area.windowMs);
  const y = area.height * (1 - Math.min(value, area.top) / area.top);
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
