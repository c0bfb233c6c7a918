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

/** One key each, without another held; shown in this order. */
export const SHORTCUTS: { key: string; action: Action; words: string }[] = [
  { key: "s", action: "toggle", words: "Start or stop" },
  { key: "p", action: "pause", words: "Pause or resume" },
  { key: "r", action: "record", words: "Record, or end the recording" },
  { key: "/", action: "prompt", words: "Write a prompt" },
  { key: "[", action: "previous", words: "The pipeline before" },
  { key: "]", action: "next", words: "The next pipeline" },
  { key: "i", action: "input", words: "Input as an inset, beside, hidden" },
  { key: "f", action: "fullscreen", words: "Full screen" },
  { key: "m", action: "mute", words: "Mute or unmute" },
  { key: "c", action: "snapshot", words: "Save a snapshot" },
  { key: "k", action: "capture", words: "Capture a timeline, or end it" },
  { key: "l", action: "link", words: "Copy a link to this set-up" },
  { key: "t", action: "theme", words: "Dark or light" },
  { key: "?", action: "help", words: "This sheet" },
];

/** What a key press asks for; null where it belongs to a field, a dialog or the browser. */
export function actionOf(event: KeyboardEvent): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return null;
  const { target } = event;
  if (target instanceof Element && target.closest("input, textarea, select, dialog, [contenteditable]")) {
    return null;
  }
  const key = event.key.toLowerCase();
  return SHORTCUTS.find((shortcut) => shortcut.key === key)?.action ?? null;
}
