/** The first frames are often black. */
const AT_S = 1;
const WIDTH = 240;
/** A file that shows no frame by then has none to show. */
const LIMIT_MS = 10_000;

/** Draws a still of a video file; returns it as a data URL. */
export type Draw = (path: string) => Promise<string>;

/** Draws thumbnails of recordings, one after another, so that a long list does not overload the server. */
export class Thumbnails {
  private readonly known = new Map<string, Promise<string | null>>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly draw: Draw = drawStill) {}

  /** The thumbnail of a file, drawn once; null if the browser cannot draw it: a later call tries again. */
  of(path: string): Promise<string | null> {
    const known = this.known.get(path);
    if (known) return known;
    const still = this.last
      .then(() => this.draw(path))
      .catch(() => {
        this.known.delete(path);
        return null;
      });
    this.last = still;
    this.known.set(path, still);
    return still;
  }
}

async function drawStill(path: string): Promise<string> {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  video.playsInline = true;
  try {
    video.src = path;
    await happens(video, "loadeddata");
    const length = Number.isFinite(video.duration) ? video.duration : 0;
    video.currentTime = Math.min(AT_S, length / 2);
    await happens(video, "seeked");
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = Math.max(1, Math.round((WIDTH * video.videoHeight) / Math.max(1, video.videoWidth)));
    canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.8);
  } finally {
    // Makes the browser stop loading the file.
    video.removeAttribute("src");
    video.load();
  }
}

function happens(video: HTMLVideoElement, event: "loadeddata" | "seeked"): Promise<void> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`no ${event} within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
    video.addEventListener(event, () => (clearTimeout(timer), done()), { once: true });
    video.addEventListener("error", () => (clearTimeout(timer), fail(new Error("it does not play"))), {
      once: true,
    });
  });
}
