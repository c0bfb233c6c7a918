/** ICE loses a path for moments when a network changes; after this the path is gone. */
const DISCONNECTED_MS = 2000;
const SILENT_MS = 3000;
/** The browser itself says that the network is another one: its silence is no hiccup. */
const SILENT_AFTER_CHANGE_MS = 1500;
const CHANGE_LASTS_MS = 5000;
/** The decoder starts and waits for a key frame; a busy machine takes seconds for it. */
const FIRST_PICTURE_MS = 10_000;

export interface PathEvents {
  /** It may come back by itself. */
  onInterrupted: (sentence: string) => void;
  /** It has come back by itself. */
  onBack: () => void;
  onLost: (sentence: string) => void;
}

/** Decides whether a connection still carries pictures. */
export class PathWatch {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private frames = 0;
  private aliveAt: number;
  private changedAt = -Infinity;
  private standing = true;

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
      this.standing = false;
      this.events.onInterrupted("The connection is interrupted.");
      this.timer = setTimeout(() => this.lose("The connection was lost."), DISCONNECTED_MS);
    }
  }

  onNetworkChange(now = performance.now()): void {
    this.changedAt = now;
  }

  /** Takes the number of pictures received so far (null: not known), and whether the server sends any. */
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
    // The next loss takes as long again.
    this.aliveAt = now;
    this.lose("The picture stopped coming.");
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }

  private patience(now: number): number {
    if (this.frames === 0) return FIRST_PICTURE_MS;
    return now - this.changedAt < CHANGE_LASTS_MS ? SILENT_AFTER_CHANGE_MS : SILENT_MS;
  }

  private back(): void {
    if (!this.standing) this.events.onBack();
    this.standing = true;
  }

  private lose(sentence: string): void {
    this.standing = false;
    this.events.onLost(sentence);
  }
}
