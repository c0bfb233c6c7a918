import type { StartOptions } from "../types/stream";
import { drawPattern } from "./pattern";
import { STAMP_MODULUS, drawStamp } from "./stamp";

/** A running source; whoever opened it closes it. */
export interface Source {
  stream: MediaStream;
  /** Told of each stamped frame as it is drawn. */
  onStamp: ((number: number) => void) | null;
  close: () => void;
}

const WIDTH = 640;
const HEIGHT = 480;
const FPS = 30;
const TONE_HZ = 440;
const TONE_GAIN = 0.05;

export const NO_CAMERA =
  "A browser gives no camera to a plain-HTTP page that is not localhost: open this page over HTTPS " +
  "(start the server with --tls self-signed) or on localhost. The test pattern works here.";

export async function openSource(options: StartOptions): Promise<Source> {
  switch (options.source) {
    case "pattern":
      return patternSource(options.sound);
    case "camera":
      return stamped(await camera(options), options.measureDelay);
    case "screen":
      return stamped(await screen(options.sound), options.measureDelay);
    case "file":
      return stamped(await file(options.file), options.measureDelay);
  }
}

async function camera(options: StartOptions): Promise<Source> {
  if (!hasMediaDevices()) throw new Error(NO_CAMERA);
  const video: MediaTrackConstraints = {
    width: { ideal: WIDTH },
    height: { ideal: HEIGHT },
    frameRate: { ideal: FPS },
    ...(options.deviceId ? { deviceId: { exact: options.deviceId } } : {}),
  };
  try {
    return ofStream(await navigator.mediaDevices.getUserMedia({ video, audio: options.sound }));
  } catch (error) {
    throw new Error(cameraSentence(error), { cause: error });
  }
}

async function screen(sound: boolean): Promise<Source> {
  if (!hasMediaDevices()) throw new Error(NO_CAMERA);
  try {
    return ofStream(
      await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: FPS }, audio: sound }),
    );
  } catch (error) {
    throw new Error("No screen was shared; press Start and choose one.", { cause: error });
  }
}

type Capturing = HTMLVideoElement & {
  captureStream?: () => MediaStream;
  mozCaptureStream?: () => MediaStream;
};

async function file(chosen: File | null): Promise<Source> {
  if (!chosen) throw new Error("No file is chosen; choose a video file first.");
  const video: Capturing = document.createElement("video");
  video.src = URL.createObjectURL(chosen);
  video.loop = true;
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
  const source = ofStream(stream);
  return { ...source, close: () => (source.close(), release()) };
}

/** Draws its own moving picture, so that it works with no camera at all. */
function patternSource(sound: boolean): Source {
  const source = canvasSource(WIDTH, HEIGHT, (context, number) =>
    drawPattern(context, WIDTH, HEIGHT, number),
  );
  if (!sound) return source;
  const audio = new AudioContext();
  const oscillator = new OscillatorNode(audio, { frequency: TONE_HZ });
  const target = audio.createMediaStreamDestination();
  oscillator.connect(new GainNode(audio, { gain: TONE_GAIN })).connect(target);
  oscillator.start();
  for (const track of target.stream.getAudioTracks()) source.stream.addTrack(track);
  const close = source.close;
  source.close = () => {
    close();
    void audio.close();
  };
  return source;
}

/** The source with a stamp over its top, through a canvas; itself where no delay is to be measured. */
async function stamped(source: Source, measure: boolean): Promise<Source> {
  const track = source.stream.getVideoTracks()[0];
  if (!measure || !track) return source;
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  await video.play();
  const drawn = canvasSource(video.videoWidth || WIDTH, video.videoHeight || HEIGHT, (context) =>
    context.drawImage(video, 0, 0, context.canvas.width, context.canvas.height),
  );
  for (const audio of source.stream.getAudioTracks()) drawn.stream.addTrack(audio);
  const close = drawn.close;
  drawn.close = () => {
    close();
    video.srcObject = null;
    source.close();
  };
  return drawn;
}

function canvasSource(
  width: number,
  height: number,
  draw: (context: CanvasRenderingContext2D, number: number) => void,
): Source {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Error("This browser draws no canvas; choose another source.");
  let number = 0;
  const source: Source = { stream: canvas.captureStream(FPS), onStamp: null, close: () => undefined };
  const tick = () => {
    number = (number + 1) % STAMP_MODULUS;
    draw(context, number);
    drawStamp(context, width, height, number);
    source.onStamp?.(number);
  };
  tick();
  // Not animation frames: those stop when the page is in the background.
  const timer = setInterval(tick, 1000 / FPS);
  source.close = () => {
    clearInterval(timer);
    for (const track of source.stream.getTracks()) track.stop();
  };
  return source;
}

function ofStream(stream: MediaStream): Source {
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  return { stream, onStamp: null, close };
}

export function hasMediaDevices(): boolean {
  return window.isSecureContext && "mediaDevices" in navigator;
}

function cameraSentence(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return "The browser was not allowed to use the camera; allow it in the address bar and press Start.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No such camera is connected; choose another source.";
    case "NotReadableError":
      return "Another program uses the camera; close it and press Start.";
    default:
      return "The camera does not start; choose another source.";
  }
}
