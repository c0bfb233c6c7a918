/** ICE loses a path briefly when the network changes; after this long the path is gone. */
const DISCONNECTED_MS = 2000;
const SILENT_MS = 3000;
/** The browser reported a network change: silence is not a hiccup. */
const SILENT_AFTER_CHANGE_MS = 1500;
const CHANGE_LASTS_MS = 5000;
/** The decoder starts and waits for a key frame, which takes seconds on a busy machine. */
const FIRST_FRAME_MS = 10_000;

export interface PathEvents {
  /** It may come back by itself. */
  onInterrupted: (sentence: string) => void;
  /** It has come back by itself. */
  onBack: () => void;
  onLost: (sentence: string) => void;
}

/** Decides whether a connection still carries frames. */
export class PathWatch {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private frames = 0;
  private aliveAt: number;
  private changedAt = -Infinity;
  private up = true;

  constructor(
    private readonly events: PathEvents,
    now = performance.now(),
  ) {
    this.aliveAt = now;
  }

  onState(state: RTCPeerConnectionState): void {
    this.stop();
    if (state === "connected") this.back();
    else if (state === "failed") this.lose("The connection failed.");
    else if (state === "disconnected") {
      this.up = false;
      this.events.onInterrupted("The connection is interrupted.");
      this.timer = setTimeout(() => this.lose("The connection was lost."), DISCONNECTED_MS);
    }
  }

  onNetworkChange(now = performance.now()): void {
    this.changedAt = now;
  }

  /** Takes the number of frames received so far (null if unknown), and whether frames are due. */
  look(frames: number | null, expected: boolean, now = performance.now()): void {
    if (frames === null) return;
    if (frames !== this.frames) {
      this.frames = frames;
      this.aliveAt = now;
      this.stop();
      this.back();
      return;
    }
    if (!expected) this.aliveAt = now;
    if (now - this.aliveAt <= this.patience(now)) return;
    // The next loss needs the full wait again.
    this.aliveAt = now;
    this.lose("The video stopped arriving.");
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }

  private patience(now: number): number {
    if (this.frames === 0) return FIRST_FRAME_MS;
    return now - this.changedAt < CHANGE_LASTS_MS ? SILENT_AFTER_CHANGE_MS : SILENT_MS;
  }

  private back(): void {
    if (!this.up) this.events.onBack();
    this.up = true;
  }

  private lose(sentence: string): void {
    this.up = false;
    this.events.onLost(sentence);
  }
}
