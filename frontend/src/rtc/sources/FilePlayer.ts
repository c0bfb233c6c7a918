import { Store } from "../../lib/store";

export interface FileState {
  name: string;
  playing: boolean;
  loop: boolean;
  positionS: number;
  durationS: number;
}

/** A position that falls by more than this means that the file started over; less is rounding in the browser. */
const WRAP_S = 0.5;

/**
 * A video file that plays as the source: pause, seek, loop. The element always loops: at the end of a file Chromium
 * ends the captured tracks, and with them the stream.
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
    // It rejects only if a pause interrupts it.
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

/** The duration of a file that is still being written is infinite. */
function finite(seconds: number): number {
  return Number.isFinite(seconds) ? seconds : 0;
}
