import { sessionDetail } from "../lib/api";
import { sentence } from "../lib/format";
import { Store } from "../lib/store";
import type { SessionDetail } from "../types/figures";
import type { History } from "./History";
import { Poller } from "../lib/Poller";
import { Rises } from "./Rises";
import { ofSession } from "./collect";

/** The server's own figures are of a second. */
const EVERY_MS = 1000;

export interface DetailSnapshot {
  /** Null is not known: no session, not read yet, or the server is away. */
  detail: SessionDetail | null;
  /** Why there are no figures. */
  sentence: string | null;
}

const NOTHING: DetailSnapshot = { detail: null, sentence: null };

/** What the server tells of one session, read while somebody watches. */
export class SessionWatch extends Store<DetailSnapshot> {
  private id: string | null = null;
  private readonly rises = new Rises();
  private readonly poller = new Poller(EVERY_MS, (signal) => this.read(signal));

  constructor(private readonly history: History) {
    super(NOTHING);
  }

  /** From here on this session is meant. */
  follow(id: string | null): void {
    if (id === this.id) return;
    this.id = id;
    this.rises.clear();
    this.update(NOTHING);
    this.poller.now();
  }

  /** Watches; gives the way to stop it. */
  readonly watch = (): (() => void) => this.poller.watch();

  private async read(signal: AbortSignal): Promise<void> {
    const { id } = this;
    if (id === null) return;
    try {
      const detail = await sessionDetail(id, signal);
      if (id !== this.id) return;
      const at = performance.now();
      this.history.note(ofSession(detail, this.rises, at), at);
      this.update({ detail, sentence: null });
    } catch (error) {
      if (!signal.aborted && id === this.id) this.update({ detail: null, sentence: sentence(error) });
    }
  }
}
