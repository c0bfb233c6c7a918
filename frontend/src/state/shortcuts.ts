export type Action =
  | "toggle"
  | "pause"
  | "record"
  | "prompt"
  | "previous"
  | "next"
  | "input"
  | "fullscreen"
  | "mute"
  | "snapshot"
  | "capture"
  | "link"
  | "theme"
  | "help";

/** One key each, without modifiers, in the order shown. */
export const SHORTCUTS: { key: string; action: Action; words: string }[] = [
  { key: "s", action: "toggle", words: "Start or stop" },
  { key: "p", action: "pause", words: "Pause or resume" },
  { key: "r", action: "record", words: "Start or end a recording" },
  { key: "/", action: "prompt", words: "Go to the prompt" },
  { key: "[", action: "previous", words: "Previous pipeline" },
  { key: "]", action: "next", words: "Next pipeline" },
  { key: "i", action: "input", words: "Input: inset, beside, hidden" },
  { key: "f", action: "fullscreen", words: "Full screen" },
  { key: "m", action: "mute", words: "Mute or unmute" },
  { key: "c", action: "snapshot", words: "Save a snapshot" },
  { key: "k", action: "capture", words: "Start or end a timeline capture" },
  { key: "l", action: "link", words: "Copy a link to this setup" },
  { key: "t", action: "theme", words: "Dark or light theme" },
  { key: "?", action: "help", words: "Show this list" },
];

/** The action of a key press; null if the key belongs to a field, a dialog or the browser. */
export function actionOf(event: KeyboardEvent): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return null;
  const { target } = event;
  if (
    target instanceof Element &&
    target.closest("input, textarea, select, dialog[open], [contenteditable]")
  ) {
    return null;
  }
  const key = event.key.toLowerCase();
  return SHORTCUTS.find((shortcut) => shortcut.key === key)?.action ?? null;
}
