import { useSyncExternalStore } from "react";

import type { Store } from "../lib/store";

/** What a store holds, drawn anew at each change. */
export function useStore<T extends object>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.getSnapshot);
}
