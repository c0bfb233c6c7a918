import { copy } from "../lib/clipboard";
import { download, frameOf, timedName } from "../lib/download";
import { sentence as sentenceOf } from "../lib/format";
import { linkOf } from "../lib/query";
import { isRunning } from "../rtc/snapshot";
import { INPUT_VIEWS } from "../types/setup";
import { account, announcer, session, settings, setup, steering } from "./page";

let autostartDue = setup.autostart;

/** Starts the stream if the link asks for that, once. */
export function autostart(): void {
  if (autostartDue) steering.start();
  autostartDue = false;
}

/** Starts the stream or stops it; says what to do first if it cannot start. */
export function toggle(obstacle: string | null): void {
  if (isRunning(session.getSnapshot())) void session.stop();
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
    announcer.say(sentenceOf(error), "problem");
  }
}

/** Throws a sentence if the key is wrong. */
export async function signIn(key: string): Promise<void> {
  await account.signIn(key);
  const { me } = account.getSnapshot();
  if (me) announcer.say(`Signed in as ${me.name}.`);
}

/** Ends the stream first: afterwards the server would no longer let this page end it. */
export async function signOut(): Promise<void> {
  const running = isRunning(session.getSnapshot());
  const sentence = running ? "Your stream has ended and you are signed out." : "You are signed out.";
  await session.stop();
  try {
    await account.signOut(sentence);
    announcer.say(sentence);
  } catch (error) {
    announcer.say(`Could not sign out: ${sentenceOf(error)}`, "problem");
  }
}
