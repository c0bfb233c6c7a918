import { logTail } from "../lib/api";
import { sentence } from "../lib/format";
import { Store } from "../lib/store";
import { Poller } from "../lib/Poller";

const EVERY_MS = 1000;
/** The most that the server returns at once. */
const ASKED = 1000;
const KEPT = 2000;

export const LEVELS = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"] as const;
export type Level = (typeof LEVELS)[number];

export interface LogLine {
  /** Unique within the page. */
  key: number;
  text: string;
  level: Level | null;
  /** Written by the page itself: lines are missing, or the server restarted. */
  note: boolean;
}

export interface LogSnapshot {
  lines: LogLine[];
  paused: boolean;
  /** Why no lines arrive. */
  sentence: string | null;
}

/** The server's newest log lines, read while somebody watches. */
export class LogTail extends Store<LogSnapshot> {
  private offset: number | null = null;
  private next = 0;
  /** A line without a level of its own belongs to the one before it. */
  private level: Level | null = null;
  private readonly poller = new Poller(EVERY_MS, (signal) => this.read(signal));

  constructor() {
    super({ lines: [], paused: false, sentence: null });
  }

  /** Starts watching; returns a function that stops it. */
  readonly watch = (): (() => void) => this.poller.watch();

  /** Lines that are written while it is paused are read afterwards. */
  readonly setPaused = (paused: boolean): void => {
    this.update({ paused });
    if (!paused) this.poller.now();
  };

  /** Clears the page's list, not the server's log. */
  readonly clear = (): void => this.update({ lines: [] });

  private async read(signal: AbortSignal): Promise<void> {
    if (this.getSnapshot().paused) return;
    try {
      const { lines, offset } = await logTail(ASKED, this.offset, signal);
      if (!signal.aborted) this.take(lines, offset);
    } catch (error) {
      if (!signal.aborted) this.update({ sentence: sentence(error) });
    }
  }

  private take(texts: string[], offset: number): void {
    const before = this.offset;
    this.offset = offset;
    const fresh: LogLine[] = [];
    if (before !== null && offset < before) fresh.push(this.note("The server restarted."));
    const missing = before === null ? 0 : offset - before - texts.length;
    if (missing > 0) fresh.push(this.note(`${missing} lines are missing: the server has dropped them.`));
    fresh.push(...texts.map((text) => this.line(text)));
    const { lines, sentence } = this.getSnapshot();
    if (fresh.length > 0) this.update({ lines: [...lines, ...fresh].slice(-KEPT), sentence: null });
    else if (sentence !== null) this.update({ sentence: null });
  }

  private line(text: string): LogLine {
    this.level = levelOf(text) ?? this.level;
    return { key: this.next++, text, level: this.level, note: false };
  }

  private note(text: string): LogLine {
    return { key: this.next++, text, level: null, note: true };
  }
}

/** The first level name near the start of the line, after the time. */
export function levelOf(text: string): Level | null {
  const name = /\b(ERROR|WARN|INFO|DEBUG|TRACE)\b/.exec(text.slice(0, 80))?.[1];
  return LEVELS.find((level) => level === name) ?? null;
}

/** The lines that contain every word and are at least as severe as `least`; notes stay. */
export function filtered(lines: LogLine[], words: string, least: Level | "all"): LogLine[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const depth = least === "all" ? LEVELS.length : LEVELS.indexOf(least);
  return lines.filter((line) => {
    if (line.note) return true;
    if (least !== "all" && (line.level === null || LEVELS.indexOf(line.level) > depth)) return false;
    const text = line.text.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}
