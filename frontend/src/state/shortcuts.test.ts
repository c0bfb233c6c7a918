import { expect, it } from "vitest";

import { SHORTCUTS, actionOf } from "./shortcuts";

function press(key: string, init: KeyboardEventInit = {}, target: Element = document.body) {
  let action: ReturnType<typeof actionOf> = null;
  if (target !== document.body) document.body.append(target);
  const listener = (event: KeyboardEvent) => (action = actionOf(event));
  window.addEventListener("keydown", listener);
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...init }));
  window.removeEventListener("keydown", listener);
  return action;
}

it("takes a single key, with or without caps lock", () => {
  expect(press("s")).toBe("toggle");
  expect(press("S")).toBe("toggle");
  expect(press("?", { shiftKey: true })).toBe("help");
});

it("leaves the browser's own keys alone", () => {
  expect(press("s", { ctrlKey: true })).toBeNull();
  expect(press("p", { metaKey: true })).toBeNull();
});

it.each(["input", "textarea", "select"])("leaves what is written in a %s alone", (name) => {
  expect(press("s", {}, document.createElement(name))).toBeNull();
});

it("leaves keys to an open dialog, and takes them as soon as it is closed", () => {
  const dialog = document.createElement("dialog");
  dialog.open = true;
  expect(press("s", {}, dialog)).toBeNull();
  dialog.open = false;
  expect(press("s", {}, dialog)).toBe("toggle");
});

it("does not repeat while a key is held", () => {
  expect(press("s", { repeat: true })).toBeNull();
});

it("has one action per key", () => {
  expect(new Set(SHORTCUTS.map(({ key }) => key)).size).toBe(SHORTCUTS.length);
});
