import { readStamp, stampHeight } from "./stamp";

/** Frames whose draw time is kept: four seconds of them, longer than any delay worth showing. */
const REMEMBERED = 120;
/** Thirty seconds of returned frames. */
const FRAMES_KEPT = 900;
const WINDOW_MS = 1000;
const FROZEN_MS = 2000;

/** A returned frame: its number, when it was shown, and its delay; null if its draw time is not kept any more. */
export interface ShownFrame {
  stamp: number;
  atMs: number;
  delayMs: number | null;
}

/** Reads the stamps of the returned frames: end-to-end delay, and whether the video is frozen. */
export class DelayMeter {
  private readonly drawn = new Map<number, number>();
  private readonly canvas = document.createElement("canvas");
  private readings: { at: number; delay: number }[] = [];
  private stop: (() => void) | null = null;
  private lastFrameAt: number | null = null;
  lastStamp: number | null = null;
  /** Frames that came back, newest last; for tests. */
  readonly frames: ShownFrame[] = [];

  /** A frame with this number has just been drawn. */
  readonly onStamp = (number: number): void => {
    this.drawn.set(number, performance.now());
    if (this.drawn.size > REMEMBERED) this.drawn.delete(this.drawn.keys().next().value ?? -1);
  };

  /** Watches `video` until the next call. */
  watch(video: HTMLVideoElement | null): void {
    this.stop?.();
    this.stop = video ? watchFrames(video, () => this.read(video)) : null;
  }

  /** Forgets everything, for another source. */
  reset(): void {
    this.drawn.clear();
    this.restart();
  }

  /** Forgets the returned frames: the source continues over another connection. */
  restart(): void {
    this.readings = [];
    this.lastStamp = null;
    this.lastFrameAt = null;
    this.frames.length = 0;
  }

  /** Median of the last second in milliseconds; null if no stamp was read. */
  delayMs(now = performance.now()): number | null {
    this.readings = this.readings.filter((reading) => now - reading.at <= WINDOW_MS);
    const delays = this.readings.map((reading) => reading.delay).sort((one, other) => one - other);
    return delays[Math.floor(delays.length / 2)] ?? null;
  }

  /** Whether frames came before, but none for too long. */
  frozen(now = performance.now()): boolean {
    return this.lastFrameAt !== null && now - this.lastFrameAt > FROZEN_MS;
  }

  private read(video: HTMLVideoElement): void {
    const now = performance.now();
    this.lastFrameAt = now;
    const [width, height] = [video.videoWidth, video.videoHeight];
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!context || width === 0 || height === 0) return;
    const strip = stampHeight(height);
    this.canvas.width = width;
    this.canvas.height = strip;
    context.drawImage(video, 0, 0, width, strip, 0, 0, width, strip);
    const stamp = readStamp(context.getImageData(0, 0, width, strip), width, height);
    if (stamp === null || stamp === this.lastStamp) return;
    this.lastStamp = stamp;
    const drawnAt = this.drawn.get(stamp);
    this.frames.push({ stamp, atMs: now, delayMs: drawnAt === undefined ? null : now - drawnAt });
    if (this.frames.length > FRAMES_KEPT) this.frames.shift();
    if (drawnAt !== undefined) this.readings.push({ at: now, delay: now - drawnAt });
  }
}

/** Calls back for each new frame of `video`; returns a function that stops it. */
function watchFrames(video: HTMLVideoElement, onFrame: () => void): () => void {
  let stopped = false;
  if ("requestVideoFrameCallback" in video) {
    const next = () => {
      if (stopped) return;
      onFrame();
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  } else {
    let seen = -1;
    const element: HTMLVideoElement = video;
    const timer = setInterval(() => {
      if (element.currentTime === seen) return;
      seen = element.currentTime;
      onFrame();
    }, 10);
    return () => clearInterval(timer);
  }
  return () => {
    stopped = true;
  };
}
