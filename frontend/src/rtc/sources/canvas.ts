import { drawPattern } from "../pattern";
import { STAMP_MODULUS, drawStamp } from "../stamp";
import type { Source } from "./Source";

const WIDTH = 640;
const HEIGHT = 480;
const FPS = 30;
const TONE_HZ = 440;
const TONE_GAIN = 0.05;

/** The test pattern, which needs no camera. */
export function pattern(audio: boolean): Source {
  const source = canvas(WIDTH, HEIGHT, FPS, (context, number) => drawPattern(context, WIDTH, HEIGHT, number));
  if (!audio) return source;
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: TONE_HZ });
  const target = context.createMediaStreamDestination();
  oscillator.connect(new GainNode(context, { gain: TONE_GAIN })).connect(target);
  oscillator.start();
  for (const track of target.stream.getAudioTracks()) source.stream.addTrack(track);
  const close = source.close;
  source.close = () => {
    close();
    void context.close();
  };
  return source;
}

/** Draws the source through a canvas, with a stamp at the top; returns it unchanged if no delay is measured. */
export async function stamped(source: Source, measure: boolean, fps: number): Promise<Source> {
  const track = source.stream.getVideoTracks()[0];
  if (!measure || !track) return source;
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  await video.play();
  const drawn = canvas(video.videoWidth || WIDTH, video.videoHeight || HEIGHT, fps, (context) =>
    context.drawImage(video, 0, 0, context.canvas.width, context.canvas.height),
  );
  for (const audio of source.stream.getAudioTracks()) drawn.stream.addTrack(audio);
  source.onEnded = (sentence) => drawn.onEnded?.(sentence);
  drawn.player = source.player;
  const close = drawn.close;
  drawn.close = () => {
    close();
    video.srcObject = null;
    source.close();
  };
  return drawn;
}

function canvas(
  width: number,
  height: number,
  fps: number,
  draw: (context: CanvasRenderingContext2D, number: number) => void,
): Source {
  const element = document.createElement("canvas");
  element.width = width;
  element.height = height;
  const context = element.getContext("2d", { alpha: false });
  if (!context) throw new Error("This browser cannot draw on a canvas; choose another source.");
  let number = 0;
  const stream = element.captureStream(fps);
  const source: Source = { stream, onStamp: null, onEnded: null, player: null, close: () => undefined };
  const tick = () => {
    number = (number + 1) % STAMP_MODULUS;
    draw(context, number);
    drawStamp(context, width, height, number);
    source.onStamp?.(number);
  };
  tick();
  // Not animation frames: those stop when the page is in the background.
  const timer = setInterval(tick, 1000 / fps);
  source.close = () => {
    clearInterval(timer);
    for (const track of source.stream.getTracks()) track.stop();
  };
  return source;
}
