import type { SettingsStore } from "./SettingsStore";

/** Keeps the page in the chosen theme, or in the system's; returns a function that stops it. */
export function followTheme(settings: SettingsStore, root: HTMLElement): () => void {
  const system = window.matchMedia("(prefers-color-scheme: light)");
  const show = () => {
    const { theme } = settings.getSnapshot();
    const light = theme === "light" || (theme === "system" && system.matches);
    root.dataset["theme"] = light ? "light" : "dark";
  };
  show();
  system.addEventListener("change", show);
  const unsubscribe = settings.subscribe(show);
  return () => {
    system.removeEventListener("change", show);
    unsubscribe();
  };
}
