import type { SourceOptions } from "../../types/stream";
import { type Source, ofStream } from "./Source";

export const NO_CAMERA =
  "A browser gives no camera to a plain-HTTP page that is not localhost: open this page over HTTPS " +
  "(start the server with --tls self-signed) or on localhost. The test pattern works here.";

export function hasMediaDevices(): boolean {
  return window.isSecureContext && "mediaDevices" in navigator;
}

export async function camera(options: SourceOptions): Promise<Source> {
  if (!hasMediaDevices()) throw new Error(NO_CAMERA);
  const [width, height] = options.resolution.split("x").map(Number);
  const video: MediaTrackConstraints = {
    ...(width && height ? { width: { ideal: width }, height: { ideal: height } } : {}),
    frameRate: { ideal: options.frameRate },
    ...(options.deviceId ? { deviceId: { exact: options.deviceId } } : {}),
  };
  const microphone = options.microphoneId ? { deviceId: { exact: options.microphoneId } } : true;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: options.sound && microphone });
    return ofStream(stream, (track) =>
      track.kind === "video"
        ? "The camera stopped: it was unplugged, or another program took it. Choose a source to go on."
        : "The microphone stopped: it was unplugged, or another program took it.",
    );
  } catch (error) {
    throw new Error(sentenceOf(error, options.sound), { cause: error });
  }
}

export async function screen({ frameRate, sound }: SourceOptions): Promise<Source> {
  if (!hasMediaDevices()) throw new Error(NO_CAMERA);
  try {
    const video = { frameRate: { ideal: frameRate } };
    const stream = await navigator.mediaDevices.getDisplayMedia({ video, audio: sound });
    return ofStream(stream, () => "Sharing of the screen ended. Choose a source to go on.");
  } catch (error) {
    throw new Error("No screen was shared; press Start and choose one.", { cause: error });
  }
}

function sentenceOf(error: unknown, sound: boolean): string {
  const name = error instanceof DOMException ? error.name : "";
  const device = sound ? "camera or the microphone" : "camera";
  switch (name) {
    case "NotAllowedError":
      return `The browser was not allowed to use the ${device}; allow it in the address bar and press Start.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return sound
        ? "No such camera or microphone is connected; choose others, or go without sound."
        : "No such camera is connected; choose another source.";
    case "NotReadableError":
      return `Another program uses the ${device}; close it and press Start.`;
    default:
      return "The camera does not start; choose another source.";
  }
}
