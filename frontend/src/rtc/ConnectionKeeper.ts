import { Latest } from "../lib/Latest";
import { iceServers } from "../lib/api";
import { asSentence, sentence as sentenceOf } from "../lib/format";
import { ApiError } from "../lib/http";
import type { ServerMessage } from "../types/api";
import type { Values } from "../types/stream";
import { Connection, type Media } from "./Connection";
import { PathWatch } from "./PathWatch";
import { backoffMs } from "./backoff";

const LOOK_MS = 500;
/** The server answers within 15 s; if no path is found by then, there is none. */
const CONNECT_MS = 20_000;
/** After this a new connection is shown without a frame: a paused server sends none. */
const FIRST_FRAME_MS = 2000;
/** A connection that lasted this long was stable: after the next loss the back-off starts over. */
const STEADY_MS = 10_000;
const GIVE_UP_MS = 5 * 60_000;
const GAVE_UP = "Could not reconnect within 5 minutes. Check the network and the server, then press Start.";
const NOT_SIGNED_IN = "Nobody signed in within 5 minutes. Press Start to begin again.";

export interface KeeperOptions {
  /** What the next connection sends. */
  media: () => Media;
  /** What a session starts with, unless it resumes one. */
  initialParameters: () => Values;
  /** Whether frames are due, so that silence means a loss. */
  expectsFrames: () => boolean;
}

export interface Interruption {
  sentence: string;
  attempt: number;
  /** Time of the next attempt, in milliseconds of `performance.now()`. */
  retryAt: number | null;
  /** The next attempt waits for a sign-in. */
  signedOut: boolean;
}

export interface KeeperEvents {
  /** This connection carries the stream. */
  onLive: (connection: Connection) => void;
  onInterrupted: (interruption: Interruption) => void;
  onSession: (id: string | null, resumed: boolean) => void;
  onMessage: (message: ServerMessage) => void;
  /** The data channel is open. */
  onOpen: () => void;
  onEnd: (sentence: string) => void;
}

/** Keeps one session connected. A lost connection stays until a new one, which resumes the session, delivers frames. */
export class ConnectionKeeper {
  /** The one on screen. */
  private shown: Connection | null = null;
  /** The latest that the server answered: it owns the session. */
  private owner: Connection | null = null;
  /** Being set up to replace the shown one. */
  private next: Connection | null = null;
  private token: string | null = null;
  private servers: RTCIceServer[] | null = null;
  private watch: PathWatch | null = null;
  private looks: ReturnType<typeof setInterval> | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private limits: ReturnType<typeof setTimeout>[] = [];
  private attempt = 0;
  private lostAt: number | null = null;
  private liveSince: number | null = null;
  /** Why the server ended the session; later attempts find only that it is gone. */
  private endReason: string | null = null;
  /** An attempt is waiting or running. */
  private recovering = false;
  /** The next attempt waits for a sign-in. */
  private signedOut = false;
  /** The latest attempt. */
  private readonly latest = new Latest();

  constructor(
    private readonly options: KeeperOptions,
    private readonly events: KeeperEvents,
  ) {}

  /** The connection to measure. */
  get peer(): RTCPeerConnection | null {
    return this.shown?.peer ?? null;
  }

  start(): Promise<void> {
    this.looks = setInterval(() => void this.look(), LOOK_MS);
    window.addEventListener("online", this.onOnline);
    networkInformation()?.addEventListener("change", this.onNetworkChange);
    return this.connect();
  }

  /** Sends a flat object on the data channel; false if it is not open. */
  send(values: Values): boolean {
    return this.owner?.send(values) ?? false;
  }

  /** Sends another source over every connection. */
  async replace(stream: MediaStream): Promise<void> {
    for (const connection of this.connections) await connection.replace(stream);
  }

  /** Goes on with the attempt that waits for a sign-in. */
  onSignedIn(): void {
    if (this.signedOut) this.tryNow("Signed in again.");
  }

  /** Ends the session and any attempt to reconnect; settles once the server has answered. */
  async close(): Promise<void> {
    this.latest.abort();
    this.clearTimers();
    if (this.looks) clearInterval(this.looks);
    this.watch?.stop();
    window.removeEventListener("online", this.onOnline);
    networkInformation()?.removeEventListener("change", this.onNetworkChange);
    const closing = [...this.connections].map((connection) => connection.close());
    this.shown = this.owner = this.next = null;
    await Promise.all(closing);
  }

  private get connections(): Set<Connection> {
    return new Set([this.shown, this.owner, this.next].filter((connection) => connection !== null));
  }

  private async connect(): Promise<void> {
    const signal = this.latest.start();
    try {
      const servers = await this.iceServers();
      if (signal.aborted) return;
      const next = this.open(servers);
      this.next = next;
      this.limitConnecting();
      const answer = await next.open({
        parameters: this.options.initialParameters(),
        resumeToken: this.token,
        onMove: (position) => this.onMove(position),
        signal,
      });
      if (!signal.aborted) this.onAnswer(next, answer.resumeToken, answer.resumed);
    } catch (error) {
      if (signal.aborted) return;
      const sentence = sentenceOf(error);
      if (error instanceof ApiError && error.signedOut) this.awaitSignIn(sentence);
      else if (error instanceof ApiError && !error.passing) this.events.onEnd(sentence);
      else this.again(sentence, error instanceof ApiError ? error.retryAfterS : null);
    }
  }

  private limitConnecting(): void {
    this.limits.push(setTimeout(() => this.again("No path to the server was found."), CONNECT_MS));
  }

  /** The wait for one's turn has no limit. */
  private onMove(position: number): void {
    this.clearTimers();
    if (position > 0)
      this.report(`The server is full. You are number ${position} in the waiting line.`, null);
    else this.limitConnecting();
  }

  private open(servers: RTCIceServer[]): Connection {
    const connection = new Connection(servers, this.options.media(), {
      onState: (state) => this.onState(connection, state),
      onFrame: () => this.adoptIfReady(connection),
      onMessage: (message) => this.onMessage(connection, message),
      onOpen: () => {
        if (connection === this.owner) this.events.onOpen();
      },
    });
    return connection;
  }

  /** The previous ICE servers will do for another attempt: TURN credentials last for hours. */
  private async iceServers(): Promise<RTCIceServer[]> {
    try {
      this.servers = await iceServers();
    } catch (error) {
      if (!this.servers) throw error;
    }
    return this.servers;
  }

  private onAnswer(connection: Connection, token: string | null, resumed: boolean): void {
    if (resumed) this.owner?.forgetSession();
    if (this.owner !== this.shown) void this.owner?.close();
    this.owner = connection;
    this.token = token;
    this.events.onSession(connection.sessionId, resumed);
  }

  private onState(connection: Connection, state: RTCPeerConnectionState): void {
    if (connection === this.next) {
      if (state === "failed") this.again("The connection failed.");
      if (state !== "connected") return;
      this.adoptIfReady(connection);
      const late = () => this.adopt(connection);
      if (connection === this.next) this.limits.push(setTimeout(late, FIRST_FRAME_MS));
    } else if (connection === this.shown && !this.next) {
      this.watch?.onState(state);
    }
  }

  private adoptIfReady(connection: Connection): void {
    if (connection.peer.connectionState !== "connected") return;
    if (connection.hasFrame || !this.shown) this.adopt(connection);
  }

  /** Replaces the shown connection. */
  private adopt(connection: Connection): void {
    if (connection !== this.next) return;
    this.clearTimers();
    const before = this.shown;
    this.shown = connection;
    this.next = null;
    void before?.close();
    this.watch?.stop();
    this.watch = new PathWatch({
      onInterrupted: (sentence) => {
        if (!this.recovering) this.report(sentence, null);
      },
      onBack: () => this.onBack(),
      onLost: (sentence) => {
        if (!this.recovering) this.again(sentence, null, true);
      },
    });
    this.live(connection);
  }

  private live(connection: Connection): void {
    this.recovering = false;
    this.endReason = null;
    this.liveSince ??= performance.now();
    this.events.onLive(connection);
  }

  /** The old path carries frames again before another connection took over. */
  private onBack(): void {
    if (this.next || !this.shown || this.shown.over) return;
    this.latest.abort();
    this.clearTimers();
    this.live(this.shown);
  }

  /** Schedules another attempt. With `pathLost` the first one is immediate: the server holds the session only for seconds. */
  private again(sentence: string, retryAfterS: number | null = null, pathLost = false): void {
    this.giveUpNext();
    const now = performance.now();
    const steady = this.liveSince !== null && now - this.liveSince >= STEADY_MS;
    this.attempt = steady ? 1 : this.attempt + 1;
    this.lostAt = steady ? now : (this.lostAt ?? now);
    this.liveSince = null;
    if (now - this.lostAt > GIVE_UP_MS) return this.events.onEnd(GAVE_UP);
    const wait = pathLost && this.attempt === 1 ? 0 : backoffMs(this.attempt, retryAfterS);
    this.report(sentence, wait > 0 ? now + wait : null);
    this.retry = setTimeout(() => this.tryNow(sentence), wait);
  }

  /** Attempts without a sign-in would fail like this one. What is shown stays meanwhile. */
  private awaitSignIn(sentence: string): void {
    this.giveUpNext();
    this.signedOut = true;
    this.report(sentence, null);
    this.limits.push(setTimeout(() => this.events.onEnd(NOT_SIGNED_IN), GIVE_UP_MS));
  }

  /** Closes the connection of the attempt that failed. */
  private giveUpNext(): void {
    this.latest.abort();
    this.recovering = true;
    this.clearTimers();
    if (this.next && this.next !== this.owner) void this.next.close();
    this.next = null;
  }

  private tryNow(sentence: string): void {
    this.clearTimers();
    this.report(sentence, null);
    void this.connect();
  }

  private report(sentence: string, retryAt: number | null): void {
    const { endReason } = this;
    const whole =
      endReason === null || endReason === sentence
        ? sentence
        : `${asSentence(sentence)} Before that: ${endReason}.`;
    this.events.onInterrupted({
      sentence: whole,
      attempt: this.attempt,
      retryAt,
      signedOut: this.signedOut,
    });
  }

  private onMessage(connection: Connection, message: ServerMessage): void {
    if (connection !== this.owner) return;
    if (message.type !== "stream_stopped") return this.events.onMessage(message);
    // The answer to the offer that resumes it is on its way.
    if (message.reason === "resumed") return;
    if (message.reason === "closed_by_client") return this.events.onEnd(message.error_message);
    connection.forgetSession();
    this.token = null;
    this.endReason = message.error_message;
    if (connection === this.next || connection === this.shown) this.again(message.error_message);
  }

  private async look(): Promise<void> {
    const { shown } = this;
    if (!shown || this.next) return;
    const frames = await shown.framesReceived();
    if (shown === this.shown && !this.next) this.watch?.look(frames, this.options.expectsFrames());
  }

  private readonly onOnline = (): void => {
    this.onNetworkChange();
    if (this.retry) this.tryNow("The network is back.");
  };

  private readonly onNetworkChange = (): void => this.watch?.onNetworkChange();

  private clearTimers(): void {
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
    this.signedOut = false;
    for (const limit of this.limits) clearTimeout(limit);
    this.limits = [];
  }
}

/** The Network Information API, if the browser has it. */
function networkInformation(): EventTarget | null {
  return (navigator as { connection?: EventTarget }).connection ?? null;
}
