import { type RefObject, useRef } from "react";

import { toggleFullscreen } from "../lib/screen";
import {
  copyLink,
  nextInputView,
  saveSnapshot,
  switchTheme,
  toggle,
  toggleCapture,
  toggleMuted,
  togglePause,
} from "../state/actions";
import { settings, steering } from "../state/page";
import type { Action } from "../state/shortcuts";
import { useShortcuts } from "./useShortcuts";
import { useStore } from "./useStore";

/** What the page's buttons do, and their keys. */
export type Actions = Record<Action, () => void>;

/** The elements that some actions need. */
export interface PageElements {
  /** Output and input; this is what takes the full screen. */
  viewer: RefObject<HTMLDivElement | null>;
  output: RefObject<HTMLVideoElement | null>;
  /** The first prompt. */
  prompt: RefObject<HTMLTextAreaElement | null>;
}

interface Page {
  /** What has to be done before a start; null if nothing has. */
  obstacle: string | null;
  onHelp: () => void;
  onRecord: () => void;
}

/** The page's actions, for its buttons; single keys do the same. */
export function usePageActions({ obstacle, onHelp, onRecord }: Page): {
  actions: Actions;
  elements: PageElements;
} {
  const { shortcuts } = useStore(settings);
  const viewer = useRef<HTMLDivElement>(null);
  const output = useRef<HTMLVideoElement>(null);
  const prompt = useRef<HTMLTextAreaElement>(null);
  const actions: Actions = {
    toggle: () => toggle(obstacle),
    pause: togglePause,
    record: onRecord,
    prompt: () => prompt.current?.focus(),
    previous: () => steering.stepPipeline(-1),
    next: () => steering.stepPipeline(1),
    input: nextInputView,
    fullscreen: () => {
      if (viewer.current) void toggleFullscreen(viewer.current, output.current);
    },
    mute: toggleMuted,
    snapshot: () => {
      if (output.current) void saveSnapshot(output.current);
    },
    capture: () => {
      toggleCapture();
      settings.set({ drawer: "timeline" });
    },
    link: () => void copyLink(),
    theme: switchTheme,
    help: onHelp,
  };
  useShortcuts(shortcuts, (action) => actions[action]());
  return { actions, elements: { viewer, output, prompt } };
}
