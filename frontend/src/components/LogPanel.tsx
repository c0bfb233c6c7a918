import {
  type UIEvent,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

import { LEVELS, type Level, type LogLine, LogTail, filtered } from "../figures/LogTail";
import { Button } from "./ui/Button";
import { CopyButton } from "./ui/CopyButton";
import { Notice } from "./ui/Notice";
import { Select } from "./ui/Select";

/** Closer to the end than this counts as at the end. */
const END_PX = 24;

const LEVEL_OPTIONS = [
  { value: "all", label: "All lines" },
  { value: "INFO", label: "Info and above" },
  { value: "WARN", label: "Warnings and errors" },
  { value: "ERROR", label: "Errors" },
];

/** The server's log as it grows. */
export function LogPanel() {
  const id = useId();
  const [tail] = useState(() => new LogTail());
  const [filter, setFilter] = useState<{ words: string; least: Level | "all" }>({ words: "", least: "all" });
  const log = useSyncExternalStore(tail.subscribe, tail.getSnapshot);
  useEffect(() => tail.watch(), [tail]);
  const lines = filtered(log.lines, filter.words, filter.least);
  return (
    <section aria-label="Server log" className="space-y-3">
      <div className="flex flex-wrap items-end gap-2">
        <div className="grow space-y-1.5 sm:max-w-64">
          <label htmlFor={id} className="block text-xs font-medium text-soft">
            Search the log
          </label>
          <input
            id={id}
            type="search"
            value={filter.words}
            onChange={(event) => setFilter({ ...filter, words: event.target.value })}
            className="h-9 w-full rounded-lg border border-edge bg-panel px-2.5 text-sm"
          />
        </div>
        <div className="w-44">
          <Select
            label="Lines shown"
            value={filter.least}
            options={LEVEL_OPTIONS}
            onChange={(value) =>
              setFilter({ ...filter, least: LEVELS.find((level) => level === value) ?? "all" })
            }
          />
        </div>
        <Button onClick={() => tail.setPaused(!log.paused)}>{log.paused ? "Resume" : "Pause"}</Button>
        <Button onClick={tail.clear}>Clear</Button>
        <CopyButton text={() => lines.map((line) => line.text).join("\n")}>Copy</CopyButton>
      </div>
      {log.sentence && <Notice look="problem">{log.sentence}</Notice>}
      <Lines lines={lines} some={log.lines.length > 0} />
    </section>
  );
}

/** Follows the newest line until a person scrolls up. */
function Lines({ lines, some }: { lines: LogLine[]; some: boolean }) {
  const [following, setFollowing] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const toEnd = () => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (following) toEnd();
  }, [lines, following]);
  const onScroll = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: UIEvent<HTMLDivElement>) =>
    setFollowing(scrollHeight - scrollTop - clientHeight < END_PX);
  const nothing = some ? "No matching lines." : "No log lines yet.";
  return (
    <div className="relative">
      {/* Lines may come faster than anyone can listen: screen readers read them on request only. */}
      <div
        ref={box}
        role="log"
        aria-label="Log lines"
        aria-live="off"
        tabIndex={0}
        onScroll={onScroll}
        className="h-[min(20rem,28dvh)] min-h-48 overflow-auto rounded-lg border border-line bg-ground/60 p-3 font-mono text-xs leading-5"
      >
        {lines.length === 0 && <p className="text-muted">{nothing}</p>}
        {lines.map((line) => (
          <p key={line.key} className={`break-words whitespace-pre-wrap ${lookOf(line)}`}>
            {line.text}
          </p>
        ))}
      </div>
      {!following && (
        <Button className="absolute right-4 bottom-3 shadow" onClick={() => setFollowing(true)}>
          Jump to the newest
        </Button>
      )}
    </div>
  );
}

function lookOf(line: LogLine): string {
  if (line.note) return "italic text-muted";
  switch (line.level) {
    case "ERROR":
      return "text-problem";
    case "WARN":
      return "text-warn";
    case "INFO":
      return "text-soft";
    case "DEBUG":
    case "TRACE":
    case null:
      return "text-muted";
    default:
      return line.level satisfies never;
  }
}
