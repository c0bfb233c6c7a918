import { copy } from "../lib/clipboard";
import { download, frameOf, timedName } from "../lib/download";
import { sentence } from "../lib/format";
import { linkOf } from "../lib/query";
import { isRunning } from "../rtc/snapshot";
import { INPUT_VIEWS } from "../types/setup";
import { announcer, session, settings, steering } from "./page";

/** Starts the stream or stops it; says what to do first if it cannot start. */
export function toggle(obstacle: string | null): void {
  if (isRunning(session.getSnapshot())) session.stop();
  else if (obstacle) announcer.say(obstacle, "problem");
  else steering.start();
}

export function togglePause(): void {
  const { phase, paused } = session.getSnapshot();
  if (phase === "live") session.parameters.setPaused(!paused);
}

export function toggleMuted(): void {
  settings.set({ muted: !settings.getSnapshot().muted });
}

export function nextInputView(): void {
  const at = INPUT_VIEWS.indexOf(settings.getSnapshot().inputView);
  settings.set({ inputView: INPUT_VIEWS[(at + 1) % INPUT_VIEWS.length] ?? "inset" });
}

export function switchTheme(): void {
  settings.set({ theme: document.documentElement.dataset["theme"] === "light" ? "dark" : "light" });
}

/** Saves the frame that the video shows. */
export async function saveSnapshot(video: HTMLVideoElement): Promise<void> {
  const frame = await frameOf(video);
  if (!frame) return announcer.say("There is no frame to save yet.", "problem");
  const name = timedName("snapshot", "png");
  download(frame, name);
  announcer.say(`Saved ${name}.`);
}

export async function copyLink(): Promise<void> {
  const kept = settings.getSnapshot();
  const { pipelineId } = session.getSnapshot();
  const values = pipelineId ? (kept.parameters[pipelineId] ?? {}) : {};
  const link = linkOf(window.location.origin, kept, pipelineId, values);
  if (await copy(link)) return announcer.say("Copied a link to this setup.");
  window.history.replaceState(null, "", link);
  announcer.say("The browser did not copy the link; it is in the address bar.");
}

/** Captures a timeline, or ends the capture. */
export function toggleCapture(): void {
  if (steering.timeline.getSnapshot().mode === "capturing") steering.timeline.pause();
  else steering.capture();
}

export function exportTimeline(): void {
  const name = timedName("timeline", "json");
  download(new Blob([steering.timeline.export()], { type: "application/json" }), name);
  announcer.say(`Saved ${name}.`);
}

export async function importTimeline(file: File): Promise<void> {
  try {
    steering.timeline.import(await file.text());
    announcer.say(`Loaded ${file.name}.`);
  } catch (error) {
    announcer.say(sentence(error), "problem");
  }
}
