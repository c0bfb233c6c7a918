import { useSyncExternalStore } from "react";

/** Whether the page shows the light theme. */
export function useLight(): boolean {
  return useSyncExternalStore(subscribe, () => document.documentElement.dataset["theme"] === "light");
}

function subscribe(listener: () => void): () => void {
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => observer.disconnect();
}
