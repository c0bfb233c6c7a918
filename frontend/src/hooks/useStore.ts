import { useSyncExternalStore } from "react";

import type { Store } from "../lib/store";

/** A store's snapshot; the component renders again at each change. */
export function useStore<T extends object>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.getSnapshot);
}
