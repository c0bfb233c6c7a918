import { useEffect, useSyncExternalStore } from "react";

import { History } from "../figures/History";
import { type DetailSnapshot, SessionWatch } from "../figures/SessionWatch";
import { type HostSnapshot, SystemWatch } from "../figures/SystemWatch";
import { ofMetrics } from "../figures/collect";
import { type Metrics, NO_METRICS } from "../types/stream";

/** One history a page: it outlives every component. */
const history = new History();
const system = new SystemWatch(history);
const session = new SessionWatch(history);

/** The server's load, read while the component stands. */
export function useSystem(): HostSnapshot {
  useEffect(() => system.watch(), []);
  return useSyncExternalStore(system.subscribe, system.getSnapshot);
}

/** What the server tells of a session, read while the component stands. */
export function useSession(id: string | null): DetailSnapshot {
  useEffect(() => session.follow(id), [id]);
  useEffect(() => session.watch(), []);
  return useSyncExternalStore(session.subscribe, session.getSnapshot);
}

/** What the figures were; the component is drawn anew with each reading. */
export function useHistory(): History {
  useSyncExternalStore(history.subscribe, history.getSnapshot);
  return history;
}

/** Notes the browser's figures as they come; without a stream there is nothing to note. */
export function useNoted(metrics: Metrics): void {
  useEffect(() => {
    if (metrics !== NO_METRICS) history.note(ofMetrics(metrics));
  }, [metrics]);
}
