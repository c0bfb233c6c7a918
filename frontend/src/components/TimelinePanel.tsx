import { useRef } from "react";

import { useStore } from "../hooks/useStore";
import * as format from "../lib/format";
import { exportTimeline, importTimeline, toggleCapture } from "../state/actions";
import { steering } from "../state/page";
import { TimelineLanes } from "./TimelineLanes";
import { Button } from "./ui/Button";
import { IconButton } from "./ui/IconButton";
import { LoopIcon, PauseIcon, PlayIcon, RecordIcon, StopIcon } from "./ui/icons";
import { Slider } from "./ui/Slider";

const STEP_S = 0.1;
const EMPTY =
  "Capture your changes of prompts, parameters and pipelines with their times, and play them back. " +
  "Press Capture, change something, then press End capture.";

const { timeline } = steering;

/** Captures changes with their times, plays them back, and saves them as a file. */
export function TimelinePanel() {
  const { mode, events, durationMs, positionMs, loop } = useStore(timeline);
  const file = useRef<HTMLInputElement>(null);
  const capturing = mode === "capturing";
  const none = events.length === 0;
  return (
    <section aria-label="Timeline" className="space-y-4">
      <div className="flex flex-wrap items-center gap-2">
        <Button look={capturing ? "danger" : "quiet"} size="small" onClick={toggleCapture}>
          <span className="text-tally">{capturing ? <StopIcon /> : <RecordIcon />}</span>
          {capturing ? "End capture" : "Capture"}
        </Button>
        <Button
          size="small"
          disabled={none || capturing}
          onClick={mode === "playing" ? timeline.pause : timeline.play}
        >
          {mode === "playing" ? <PauseIcon /> : <PlayIcon />}
          {mode === "playing" ? "Pause" : "Play"}
        </Button>
        <IconButton
          small
          label="Loop the timeline"
          aria-pressed={loop}
          icon={<LoopIcon />}
          onClick={() => timeline.setLoop(!loop)}
        />
        <span className="px-1 font-mono text-xs text-soft tabular-nums">
          {format.duration(positionMs / 1000)} / {format.duration(durationMs / 1000)}
        </span>
        <span role="status" className="text-xs text-muted">
          {capturing ? "Capturing" : none ? "" : format.count(events.length, "change")}
        </span>
        <span className="ml-auto flex gap-2">
          <Button size="small" disabled={none || capturing} onClick={timeline.clear}>
            Clear
          </Button>
          <Button size="small" disabled={none || capturing} onClick={exportTimeline}>
            Export
          </Button>
          <Button size="small" disabled={capturing} onClick={() => file.current?.click()}>
            Import
          </Button>
          <input
            ref={file}
            type="file"
            accept="application/json,.json"
            aria-label="Timeline file"
            hidden
            onChange={(event) => {
              const chosen = event.target.files?.[0];
              // The same file may be chosen again.
              event.target.value = "";
              if (chosen) void importTimeline(chosen);
            }}
          />
        </span>
      </div>
      {none ? (
        <p className="max-w-prose text-xs text-muted">{EMPTY}</p>
      ) : (
        <>
          <div className="pl-32">
            <Slider
              label="Position in the timeline"
              unit="seconds"
              value={Math.round(positionMs / 1000 / STEP_S) * STEP_S}
              min={0}
              max={Math.max(durationMs / 1000, STEP_S)}
              step={STEP_S}
              disabled={capturing}
              onChange={(seconds) => timeline.seek(seconds * 1000)}
            />
          </div>
          <TimelineLanes events={events} durationMs={durationMs} positionMs={positionMs} />
        </>
      )}
    </section>
  );
}
