import { FilePlayer } from "./FilePlayer";
import { type Source, ofStream } from "./Source";

type Capturing = HTMLVideoElement & {
  captureStream?: () => MediaStream;
  mozCaptureStream?: () => MediaStream;
};

/** A video file with its audio, in a loop. */
export async function file(chosen: File | null): Promise<Source> {
  if (!chosen) throw new Error("Choose a video file first.");
  const video: Capturing = document.createElement("video");
  video.src = URL.createObjectURL(chosen);
  video.muted = true;
  video.playsInline = true;
  const release = () => {
    video.pause();
    URL.revokeObjectURL(video.src);
  };
  try {
    await video.play();
  } catch (error) {
    release();
    throw new Error(`The browser cannot play ${chosen.name}; choose another file.`, { cause: error });
  }
  const stream = video.captureStream?.() ?? video.mozCaptureStream?.();
  if (!stream) {
    release();
    throw new Error("This browser cannot send a file; choose another source.");
  }
  const source = ofStream(stream, () => `The browser stopped playing ${chosen.name}; choose it again.`);
  const close = () => (source.close(), release());
  return Object.assign(source, { player: new FilePlayer(video, chosen.name), close });
}
