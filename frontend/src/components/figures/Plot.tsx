import { type PointerEvent, useState } from "react";

import { areaPath, greatest, linePath, nearest, roundTop, stack } from "../../figures/plot";
import type { Point } from "../../types/figures";

/** Middle tones: they stand out on a dark page and on a light one. */
const COLOURS = [
  "text-accent",
  "text-sky-500",
  "text-amber-500",
  "text-tally",
  "text-violet-500",
  "text-teal-500",
  "text-orange-500",
  "text-pink-500",
  "text-lime-500",
  "text-indigo-500",
];
const WIDTH = 300;
const HEIGHT = 90;

export interface Line {
  label: string;
  points: Point[];
}

interface Props {
  title: string;
  lines: Line[];
  /** Drawn as lines over the areas of a stacked plot. */
  over?: Line[];
  stacked?: boolean;
  format: (value: number | null) => string;
  windowMs: number;
  now: number;
  /** The top of the scale is at least this. */
  least: number;
}

/** Figures over the last minutes; the legend has the newest values, or those under the pointer. */
export function Plot({ title, lines, over = [], stacked = false, format, windowMs, now, least }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const shapes = stacked ? stack(lines.map((line) => line.points)) : lines.map((line) => line.points);
  const overs = over.map((line) => line.points);
  const top = roundTop(greatest([...shapes, ...overs]), least);
  const area = { now, windowMs, width: WIDTH, height: HEIGHT, top };
  const all = [...lines, ...over];
  const move = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt((event.clientX - box.left) / box.width);
  };
  const time = at === null ? now : now - windowMs * (1 - at);
  const values = all.map((line) => format(nearest(line.points, time)?.value ?? null));
  return (
    <figure className="min-w-0 space-y-1.5">
      <figcaption className="flex items-baseline justify-between gap-2 text-xs">
        <span className="font-medium text-soft">{title}</span>
        <span className="font-mono text-muted">{at === null ? format(top) : ago(now - time)}</span>
      </figcaption>
      <svg
        role="img"
        aria-label={`${title}, last ${Math.round(windowMs / 60_000)} min`}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="h-24 w-full touch-pan-y rounded-lg border border-line bg-ground/60"
        onPointerMove={move}
        onPointerLeave={() => setAt(null)}
      >
        {[0.25, 0.5, 0.75].map((part) => (
          <line
            key={part}
            x2={WIDTH}
            y1={HEIGHT * part}
            y2={HEIGHT * part}
            className="stroke-muted/25"
            vectorEffect="non-scaling-stroke"
          />
        ))}
        {shapes.map((points, place) =>
          stacked ? (
            <path
              key={lines[place]?.label}
              d={areaPath(points, shapes[place - 1] ?? [], area)}
              className={colour(place)}
              fill="currentColor"
              fillOpacity={0.75}
            />
          ) : (
            <Stroke key={lines[place]?.label} d={linePath(points, area)} place={place} />
          ),
        )}
        {overs.map((points, place) => (
          <path
            key={over[place]?.label}
            d={linePath(points, area)}
            className="stroke-soft"
            fill="none"
            strokeWidth={1.5}
            vectorEffect="non-scaling-stroke"
          />
        ))}
        {at !== null && (
          <line
            x1={at * WIDTH}
            x2={at * WIDTH}
            y2={HEIGHT}
            className="stroke-muted"
            vectorEffect="non-scaling-stroke"
          />
        )}
      </svg>
      <dl className="flex flex-wrap gap-x-4 gap-y-0.5 text-xs">
        {all.map((line, place) => (
          <div key={line.label} className="flex items-center gap-1.5">
            <dt className="flex items-center gap-1.5 text-muted">
              <svg
                aria-hidden
                viewBox="0 0 8 8"
                className={`size-2 ${place < lines.length ? colour(place) : "text-soft"}`}
              >
                <rect width={8} height={8} rx={2} fill="currentColor" />
              </svg>
              {line.label}
            </dt>
            <dd className="font-mono text-text tabular-nums">{values[place]}</dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}

function Stroke({ d, place }: { d: string; place: number }) {
  return (
    <path
      d={d}
      className={colour(place)}
      stroke="currentColor"
      fill="none"
      strokeWidth={1.5}
      strokeLinejoin="round"
      strokeLinecap="round"
      vectorEffect="non-scaling-stroke"
    />
  );
}

function colour(place: number): string {
  return COLOURS[place % COLOURS.length] ?? "";
}

function ago(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s ago`;
}
