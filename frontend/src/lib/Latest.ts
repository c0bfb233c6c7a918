/**
 * Guards against stale asynchronous work: of several runs of one task only the latest counts. Each run takes a signal
 * when it starts and returns when the signal is aborted after a wait.
 */
export class Latest {
  private run = new AbortController();

  /** Starts a run, which aborts the one before. */
  start(): AbortSignal {
    this.run.abort();
    this.run = new AbortController();
    return this.run.signal;
  }

  /** Aborts the run; none takes its place. */
  abort(): void {
    this.run.abort();
  }
}
