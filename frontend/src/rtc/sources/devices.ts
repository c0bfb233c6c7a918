import type { SourceOptions } from "../../types/stream";
import { type Source, ofStream } from "./Source";

export const NO_CAMERA =
  "Browsers allow a camera only over HTTPS or on localhost: open this page over HTTPS " +
  "(start the server with --tls self-signed). The test pattern works without.";

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
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: options.audio && microphone });
    return ofStream(stream, (track) =>
      track.kind === "video"
        ? "The camera stopped: it was unplugged, or another program took it. Choose a source to continue."
        : "The microphone stopped: it was unplugged, or another program took it.",
    );
  } catch (error) {
    throw new Error(sentenceOf(error, options.audio), { cause: error });
  }
}

export async function screen({ frameRate, audio }: SourceOptions): Promise<Source> {
  if (!hasMediaDevices()) throw new Error(NO_CAMERA);
  try {
    const video = { frameRate: { ideal: frameRate } };
    const stream = await navigator.mediaDevices.getDisplayMedia({ video, audio: audio });
    return ofStream(stream, () => "Screen sharing ended. Choose a source to continue.");
  } catch (error) {
    throw new Error("No screen was shared; press Start and choose one.", { cause: error });
  }
}

function sentenceOf(error: unknown, audio: boolean): string {
  const name = error instanceof DOMException ? error.name : "";
  const device = audio ? "camera or the microphone" : "camera";
  switch (name) {
    case "NotAllowedError":
      return `The browser was not allowed to use the ${device}; allow it in the address bar and press Start.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return audio
        ? "That camera or microphone is not connected; choose another one, or turn audio off."
        : "That camera is not connected; choose another source.";
    case "NotReadableError":
      return `Another program is using the ${device}; close it and press Start.`;
    default:
      return "The camera did not start; choose another source.";
  }
}
