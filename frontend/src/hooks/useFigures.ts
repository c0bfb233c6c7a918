import { useEffect, useSyncExternalStore } from "react";

import { History } from "../figures/History";
import { type DetailSnapshot, SessionWatch } from "../figures/SessionWatch";
import { type HostSnapshot, SystemWatch } from "../figures/SystemWatch";
import { ofMetrics } from "../figures/collect";
import { useRefusal, useSignedOut } from "./useAccount";
import { type Metrics, NO_METRICS } from "../types/stream";

/** One per page: it outlives the components. */
const history = new History();
const system = new SystemWatch(history);
const session = new SessionWatch(history);

/** The server's load, read while the component is mounted. */
export function useSystem(): HostSnapshot {
  const refusal = useRefusal("system");
  const snapshot = useSyncExternalStore(system.subscribe, system.getSnapshot);
  const may = refusal === null;
  useEffect(() => (may ? system.watch() : undefined), [may]);
  return may ? snapshot : { host: null, sentence: refusal };
}

/** What the server reports about a session, read while the component is mounted. */
export function useSession(id: string | null): DetailSnapshot {
  useEffect(() => session.follow(id), [id]);
  const signedOut = useSignedOut();
  useEffect(() => (signedOut ? undefined : session.watch()), [signedOut]);
  return useSyncExternalStore(session.subscribe, session.getSnapshot);
}

/** The figures so far; the component renders again with each reading. */
export function useHistory(): History {
  useSyncExternalStore(history.subscribe, history.getSnapshot);
  return history;
}

/** Adds the browser's figures to the history as they come. */
export function useNoted(metrics: Metrics): void {
  useEffect(() => {
    if (metrics !== NO_METRICS) history.note(ofMetrics(metrics));
  }, [metrics]);
}
