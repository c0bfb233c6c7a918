import { useMemo } from "react";

import * as format from "../lib/format";
import { lineOf, promptsIn } from "../state/PromptMix";
import type { TimelineEvent } from "../state/timelineFile";
import type { Json } from "../types/stream";

interface Mark {
  atMs: number;
  words: string;
}

/** Marks closer together than this share of the length look like one. */
const NEAR = 0.004;

/** The changes over time: a lane for each name, a mark for each change. */
export function TimelineLanes(props: { events: TimelineEvent[]; durationMs: number; positionMs: number }) {
  const { events, durationMs, positionMs } = props;
  const lanes = useMemo(() => lanesOf(events), [events]);
  const place = (atMs: number) => `${durationMs > 0 ? (atMs / durationMs) * 100 : 0}%`;
  return (
    <ul aria-label="Changes" className="space-y-1">
      {lanes.map(([name, marks]) => (
        <li key={name} className="flex items-center gap-2 text-xs">
          <span className="w-30 shrink-0 truncate text-muted">{name}</span>
          <span className="sr-only">{spoken(marks)}</span>
          <span aria-hidden className="relative h-4 min-w-0 grow rounded-sm bg-well">
            {thinned(marks, durationMs).map((mark) => (
              <span
                key={mark.atMs}
                title={`${format.duration(mark.atMs / 1000)} ${mark.words}`}
                style={{ left: place(mark.atMs) }}
                className="absolute top-0.5 h-3 w-1 -translate-x-1/2 rounded-sm bg-accent"
              />
            ))}
            <span style={{ left: place(positionMs) }} className="absolute -inset-y-0.5 w-px bg-tally" />
          </span>
        </li>
      ))}
    </ul>
  );
}

function lanesOf(events: TimelineEvent[]): [string, Mark[]][] {
  const lanes = new Map<string, Mark[]>();
  const put = (name: string, atMs: number, words: string) => {
    const marks = lanes.get(name);
    if (marks) marks.push({ atMs, words });
    else lanes.set(name, [{ atMs, words }]);
  };
  for (const { atMs, pipelineId, parameters } of events) {
    if (pipelineId !== undefined) put("pipeline", atMs, pipelineId);
    for (const [name, value] of Object.entries(parameters)) put(name, atMs, wordsOf(name, value));
  }
  return [...lanes];
}

function wordsOf(name: string, value: Json): string {
  return name === "prompts" ? lineOf(promptsIn(value)) : JSON.stringify(value);
}

function thinned(marks: Mark[], durationMs: number): Mark[] {
  let last = -Infinity;
  return marks.filter(({ atMs }) => {
    const shown = atMs - last > durationMs * NEAR;
    if (shown) last = atMs;
    return shown;
  });
}

function spoken(marks: Mark[]): string {
  const [first] = marks;
  if (marks.length > 1) return `${marks.length} changes`;
  return first ? `${first.words} at ${format.duration(first.atMs / 1000)}` : "";
}
