import { download, pictureOf, timedName } from "../lib/download";
import { sentence } from "../lib/format";
import { linkOf } from "../lib/query";
import { toggleFullscreen } from "../lib/screen";
import { announcer, session, settings, steering } from "../state/page";
import type { Action } from "../state/shortcuts";
import { INPUT_VIEWS } from "../types/setup";
import { useShortcuts } from "./useShortcuts";
import { useStore } from "./useStore";

interface Page {
  /** What stands in the way of a start. */
  obstacle: string | null;
  onSheet: () => void;
  onRecord: () => void;
}

/** What the page's buttons and single keys do, beyond steering. */
export function usePageActions(page: Page) {
  const { shortcuts } = useStore(settings);
  const act: Record<Action, () => void> = {
    toggle: () => {
      const { phase } = session.getSnapshot();
      if (phase !== "idle" && phase !== "ended") session.stop();
      else if (page.obstacle) announcer.say(page.obstacle, "problem");
      else steering.start();
    },
    pause: () => {
      const { phase, paused } = session.getSnapshot();
      if (phase === "live") session.parameters.setPaused(!paused);
    },
    record: page.onRecord,
    prompt: () => document.querySelector<HTMLElement>("[data-prompt]")?.focus(),
    previous: () => steering.stepPipeline(-1),
    next: () => steering.stepPipeline(1),
    input: nextInputView,
    fullscreen: () => {
      const stage = document.querySelector<HTMLElement>("[data-stage]");
      if (stage) void toggleFullscreen(stage, outputVideo());
    },
    mute: () => settings.set({ muted: !settings.getSnapshot().muted }),
    snapshot: () => {
      const video = outputVideo();
      if (video) void saveSnapshot(video);
    },
    capture: () => {
      if (steering.timeline.getSnapshot().mode === "recording") steering.timeline.pause();
      else steering.record();
      settings.set({ drawer: "timeline" });
    },
    link: () => void copyLink(),
    theme: switchTheme,
    help: page.onSheet,
  };
  useShortcuts(shortcuts, (action) => act[action]());
  return {
    ...act,
    saveSnapshot: (video: HTMLVideoElement) => void saveSnapshot(video),
    exportTimeline,
    importTimeline: (file: File) => void importTimeline(file),
  };
}

function outputVideo(): HTMLVideoElement | null {
  return document.querySelector<HTMLVideoElement>('[data-testid="output-video"]');
}

function nextInputView(): void {
  const at = INPUT_VIEWS.indexOf(settings.getSnapshot().inputView);
  settings.set({ inputView: INPUT_VIEWS[(at + 1) % INPUT_VIEWS.length] ?? "inset" });
}

function switchTheme(): void {
  settings.set({ theme: document.documentElement.dataset["theme"] === "light" ? "dark" : "light" });
}

async function saveSnapshot(video: HTMLVideoElement): Promise<void> {
  const picture = await pictureOf(video);
  if (!picture) return announcer.say("There is no picture to save yet.", "problem");
  const name = timedName("snapshot", "png");
  download(picture, name);
  announcer.say(`Saved ${name}.`);
}

async function copyLink(): Promise<void> {
  const kept = settings.getSnapshot();
  const { pipelineId } = session.getSnapshot();
  const values = pipelineId ? (kept.parameters[pipelineId] ?? {}) : {};
  const link = linkOf(window.location.origin, kept, pipelineId, values);
  try {
    await navigator.clipboard.writeText(link);
    announcer.say("The link to this set-up is copied.");
  } catch {
    // No clipboard on a plain-HTTP page: the address bar can be copied by hand.
    window.history.replaceState(null, "", link);
    announcer.say("The browser's address is the link to this set-up.");
  }
}

function exportTimeline(): void {
  const name = timedName("timeline", "json");
  download(new Blob([steering.timeline.export()], { type: "application/json" }), name);
  announcer.say(`Saved ${name}.`);
}

async function importTimeline(file: File): Promise<void> {
  try {
    steering.timeline.import(await file.text());
    announcer.say(`${file.name} is loaded.`);
  } catch (error) {
    announcer.say(sentence(error), "problem");
  }
}
