/** Repeats a task while somebody watches and the page is visible; two runs never overlap. */
export class Poller {
  private watchers = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private abort: AbortController | null = null;

  /** `task` handles its own errors; its signal is aborted when the last watcher stops. */
  constructor(
    private readonly everyMs: number,
    private readonly task: (signal: AbortSignal) => Promise<void>,
  ) {}

  /** Starts watching; returns a function that stops it. */
  watch(): () => void {
    if (++this.watchers === 1) {
      document.addEventListener("visibilitychange", this.onVisibility);
      this.onVisibility();
    }
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      if (--this.watchers > 0) return;
      document.removeEventListener("visibilitychange", this.onVisibility);
      this.stop();
    };
  }

  /** Runs the task now instead of at its next turn. */
  now(): void {
    if (!this.abort) return;
    this.stop();
    this.onVisibility();
  }

  private readonly onVisibility = (): void => {
    if (document.visibilityState === "hidden") this.stop();
    else if (!this.abort) void this.run((this.abort = new AbortController()));
  };

  private async run(abort: AbortController): Promise<void> {
    await this.task(abort.signal);
    if (abort.signal.aborted) return;
    this.timer = setTimeout(() => void this.run(abort), this.everyMs);
  }

  private stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.abort?.abort();
    this.abort = null;
  }
}
