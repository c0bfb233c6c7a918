import * as api from "../lib/api";
import { ApiError, onRefusal } from "../lib/http";
import { Poller } from "../lib/Poller";
import { Store } from "../lib/store";
import { same } from "../lib/values";
import type { Me } from "../types/account";

/** A sign-in may end at any time: it expires, or its key is withdrawn. */
const EVERY_MS = 30_000;
const NO_COOKIE =
  "The key is right, but the browser did not keep the sign-in: allow cookies for this address, then try again.";
const ENDED = "Your sign-in has ended. Sign in to go on.";

export interface AccountSnapshot {
  /** Null if unknown: not read yet, or the server is not reachable. */
  me: Me | null;
  /** The first request has ended, either way. */
  settled: boolean;
  /** Why the page is signed out; null if it never was signed in. */
  reason: string | null;
  /** How often somebody came in since the page was opened. */
  entries: number;
}

/** Who the server takes this page for. It is asked again now and then, and when it refuses a request. */
export class Account extends Store<AccountSnapshot> {
  private readonly poller = new Poller(EVERY_MS, (signal) => this.read(signal));
  private reading = false;
  /** Raised by each sign-in and sign-out: an answer to an earlier question is out of date. */
  private epoch = 0;

  constructor(
    /** Somebody came in where nobody was. */
    private readonly onEntry: () => void,
  ) {
    super({ me: null, settled: false, reason: null, entries: 0 });
  }

  /** Starts watching; returns a function that stops it. */
  readonly watch = (): (() => void) => {
    const stops = [onRefusal(this.onRefusal), this.poller.watch()];
    // A page that opens behind another one starts too.
    if (document.visibilityState === "hidden") void this.read(new AbortController().signal);
    return () => stops.forEach((stop) => stop());
  };

  /** Throws a sentence if the key is wrong. */
  readonly signIn = async (key: string): Promise<void> => {
    await api.signIn(key);
    this.epoch++;
    const me = await api.me();
    if (me.role === "nobody") throw new Error(NO_COOKIE);
    this.take(me, null);
  };

  /** Signs out, for this `reason`. */
  readonly signOut = async (reason: string): Promise<void> => {
    try {
      await api.signOut();
    } catch (error) {
      // Then it was over before.
      if (!(error instanceof ApiError && error.signedOut)) throw error;
    }
    this.epoch++;
    this.take(await api.me(), reason);
  };

  private readonly onRefusal = (): void => {
    if (!this.reading && this.getSnapshot().me?.role !== "nobody") this.poller.now();
  };

  private async read(signal: AbortSignal): Promise<void> {
    const { epoch } = this;
    this.reading = true;
    try {
      const me = await api.me(signal);
      if (!signal.aborted && epoch === this.epoch) this.take(me, ENDED);
    } catch {
      // Other parts of the page say that the server is not reachable.
      if (!signal.aborted) this.update({ settled: true });
    } finally {
      this.reading = false;
    }
  }

  /** If nobody is left, it is for this `reason`. */
  private take(me: Me, reason: string | null): void {
    const { me: before, entries, reason: known } = this.getSnapshot();
    if (same(before, me)) return;
    const left = me.role === "nobody" && before !== null && before.role !== "nobody";
    const entered = me.role !== "nobody" && before?.role === "nobody";
    this.update({
      me,
      settled: true,
      reason: me.role !== "nobody" ? null : left ? reason : known,
      entries: entries + (entered ? 1 : 0),
    });
    if (entered) this.onEntry();
  }
}
