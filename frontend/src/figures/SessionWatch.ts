import { sessionDetail } from "../lib/api";
import { sentence } from "../lib/format";
import { Store } from "../lib/store";
import type { SessionDetail } from "../types/figures";
import type { History } from "./History";
import { Poller } from "../lib/Poller";
import { Rates } from "./Rates";
import { ofSession } from "./collect";

/** The server's own figures cover one second. */
const EVERY_MS = 1000;

export interface DetailSnapshot {
  /** Null if unknown: no session, not read yet, or the server is not reachable. */
  detail: SessionDetail | null;
  /** Why there are no figures. */
  sentence: string | null;
}

const NOTHING: DetailSnapshot = { detail: null, sentence: null };

/** What the server reports about one session, read while somebody watches. */
export class SessionWatch extends Store<DetailSnapshot> {
  private id: string | null = null;
  private readonly rates = new Rates();
  private readonly poller = new Poller(EVERY_MS, (signal) => this.read(signal));

  constructor(private readonly history: History) {
    super(NOTHING);
  }

  /** Switches to this session. */
  follow(id: string | null): void {
    if (id === this.id) return;
    this.id = id;
    this.rates.clear();
    this.update(NOTHING);
    this.poller.now();
  }

  /** Starts watching; returns a function that stops it. */
  readonly watch = (): (() => void) => this.poller.watch();

  private async read(signal: AbortSignal): Promise<void> {
    const { id } = this;
    if (id === null) return;
    try {
      const detail = await sessionDetail(id, signal);
      if (id !== this.id) return;
      const at = performance.now();
      this.history.note(ofSession(detail, this.rates, at), at);
      this.update({ detail, sentence: null });
    } catch (error) {
      if (!signal.aborted && id === this.id) this.update({ detail: null, sentence: sentence(error) });
    }
  }
}
