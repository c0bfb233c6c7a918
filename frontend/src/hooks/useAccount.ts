import { type RefObject, useEffect } from "react";

import { type Permission, refusalOf } from "../lib/permissions";
import type { AccountSnapshot } from "../state/Account";
import { account } from "../state/page";
import { useStore } from "./useStore";

/** Who the server takes this page for. */
export function useAccount(): AccountSnapshot {
  return useStore(account);
}

/** Asks the server who this is, as long as the component is mounted. */
export function useAccountWatched(): AccountSnapshot {
  useEffect(() => account.watch(), []);
  return useAccount();
}

/** Why this person may not do it, as a sentence; null if they may. */
export function useRefusal(permission: Permission): string | null {
  return refusalOf(useAccount().me, permission);
}

/** Whether nobody is signed in, so that requests would fail. */
export function useSignedOut(): boolean {
  return useAccount().me?.role === "nobody";
}

/** Moves the focus to `place` when somebody has signed in: what had it is gone. */
export function useFocusOnEntry(place: RefObject<HTMLElement | null>): void {
  const { entries } = useAccount();
  useEffect(() => {
    if (entries > 0) place.current?.focus();
  }, [entries, place]);
}
