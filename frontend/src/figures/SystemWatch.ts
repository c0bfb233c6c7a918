import { system } from "../lib/api";
import { sentence } from "../lib/format";
import { Store } from "../lib/store";
import type { Host } from "../types/figures";
import type { History } from "./History";
import { Poller } from "../lib/Poller";
import { ofHost } from "./collect";

const EVERY_MS = 2000;

export interface HostSnapshot {
  /** Null if unknown: not read yet, or the server is not reachable. */
  host: Host | null;
  /** Why there are no figures. */
  sentence: string | null;
}

/** The server's load, read while somebody watches. */
export class SystemWatch extends Store<HostSnapshot> {
  private readonly poller = new Poller(EVERY_MS, (signal) => this.read(signal));

  constructor(private readonly history: History) {
    super({ host: null, sentence: null });
  }

  /** Starts watching; returns a function that stops it. */
  readonly watch = (): (() => void) => this.poller.watch();

  private async read(signal: AbortSignal): Promise<void> {
    try {
      const host = await system(signal);
      this.history.note(ofHost(host));
      this.update({ host, sentence: null });
    } catch (error) {
      if (!signal.aborted) this.update({ host: null, sentence: sentence(error) });
    }
  }
}
