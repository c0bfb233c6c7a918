import { Store } from "../../lib/store";

export interface FileState {
  name: string;
  playing: boolean;
  loop: boolean;
  positionS: number;
  durationS: number;
}

/** How far a position falls when the file begins again; less is the browser's own rounding. */
const WRAP_S = 0.5;

/**
 * A video file that plays as a source: hold, seek, loop. The element itself always loops: at a file's end Chromium
 * ends the captured tracks, and with them what is sent.
 */
export class FilePlayer extends Store<FileState> {
  constructor(
    private readonly video: HTMLVideoElement,
    name: string,
  ) {
    super({ name, playing: true, loop: true, positionS: 0, durationS: finite(video.duration) });
    video.loop = true;
    for (const event of ["timeupdate", "play", "pause", "durationchange"]) {
      video.addEventListener(event, this.look);
    }
  }

  readonly setPlaying = (playing: boolean): void => {
    if (!playing) this.video.pause();
    // Only a pause right after it interrupts it.
    else void this.video.play().catch(() => undefined);
  };

  readonly setLoop = (loop: boolean): void => this.update({ loop });

  readonly seek = (positionS: number): void => {
    this.video.currentTime = positionS;
    this.update({ positionS });
  };

  private readonly look = (): void => {
    const { video } = this;
    const { loop, positionS } = this.getSnapshot();
    if (!loop && positionS - video.currentTime > WRAP_S) video.pause();
    this.update({
      playing: !video.paused,
      positionS: video.currentTime,
      durationS: finite(video.duration),
    });
  };
}

/** A live recording has no end: its duration is infinite. */
function finite(seconds: number): number {
  return Number.isFinite(seconds) ? seconds : 0;
}
