import { Latest } from "../lib/Latest";
import { iceServers } from "../lib/api";
import { sentence as sentenceOf } from "../lib/format";
import { ApiError } from "../lib/http";
import type { ServerMessage } from "../types/api";
import type { Values } from "../types/stream";
import { Connection, type Media } from "./Connection";
import { PathWatch } from "./PathWatch";
import { backoffMs } from "./backoff";

const LOOK_MS = 500;
/** The server answers or refuses within 15 s; a path that is not found by then is not there. */
const CONNECT_MS = 20_000;
/** A new connection whose picture is late is shown without it: the server sends none while it is paused. */
const PICTURE_MS = 2000;
/** A connection that lasted so long was a good one: the next loss starts with the shortest wait again. */
const STEADY_MS = 10_000;
const GIVE_UP_MS = 5 * 60_000;
const GAVE_UP =
  "The connection did not come back within 5 minutes. Check the network and the server, then press Start.";

export interface Wish {
  /** What is sent; a source that takes its place counts from the next connection on. */
  media: () => Media;
  /** What a session starts with that takes none over. */
  initialParameters: () => Values;
  /** Whether silence means a loss: not while nothing is sent. */
  expectsPicture: () => boolean;
}

export interface Interruption {
  sentence: string;
  attempt: number;
  /** When the next try comes, in milliseconds of `performance.now()`. */
  retryAt: number | null;
}

export interface KeeperEvents {
  /** This connection delivers from here on. */
  onLive: (connection: Connection) => void;
  onInterrupted: (interruption: Interruption) => void;
  onSession: (id: string | null, resumed: boolean) => void;
  onMessage: (message: ServerMessage) => void;
  /** The data channel takes messages. */
  onOpen: () => void;
  onEnd: (sentence: string) => void;
}

/** Keeps the way to one session: a connection that is lost stays until a new one with its token delivers. */
export class ConnectionKeeper {
  /** What a person sees. */
  private shown: Connection | null = null;
  /** The newest that the server answered: the session is its. */
  private voice: Connection | null = null;
  /** On its way to replace the shown one. */
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
  /** What the server said at its end; the tries that follow only say that it is gone. */
  private lastWord: string | null = null;
  /** A try waits or runs. */
  private recovering = false;
  /** The latest try. */
  private readonly latest = new Latest();

  constructor(
    private readonly wish: Wish,
    private readonly events: KeeperEvents,
  ) {}

  /** The connection whose figures count. */
  get peer(): RTCPeerConnection | null {
    return this.shown?.peer ?? null;
  }

  start(): Promise<void> {
    this.looks = setInterval(() => void this.look(), LOOK_MS);
    window.addEventListener("online", this.onOnline);
    networkInformation()?.addEventListener("change", this.onNetworkChange);
    return this.connect();
  }

  /** Sends a flat object on the data channel; false where it is not open. */
  send(values: Values): boolean {
    return this.voice?.send(values) ?? false;
  }

  /** Sends another source over the connections that there are. */
  async replace(stream: MediaStream): Promise<void> {
    for (const connection of this.connections) await connection.replace(stream);
  }

  /** Ends the session and whatever is under way to it. */
  close(): void {
    this.latest.abort();
    this.clearTimers();
    if (this.looks) clearInterval(this.looks);
    this.watch?.stop();
    window.removeEventListener("online", this.onOnline);
    networkInformation()?.removeEventListener("change", this.onNetworkChange);
    for (const connection of this.connections) connection.close();
    this.shown = this.voice = this.next = null;
  }

  private get connections(): Set<Connection> {
    return new Set([this.shown, this.voice, this.next].filter((connection) => connection !== null));
  }

  private async connect(): Promise<void> {
    const signal = this.latest.start();
    try {
      const servers = await this.iceServers();
      if (signal.aborted) return;
      const next = this.open(servers);
      this.next = next;
      this.limits.push(setTimeout(() => this.again("No path to the server was found."), CONNECT_MS));
      const answer = await next.open(this.wish.initialParameters(), this.token);
      if (!signal.aborted) this.onAnswer(next, answer.resumeToken, answer.resumed);
    } catch (error) {
      if (signal.aborted) return;
      const sentence = sentenceOf(error);
      if (error instanceof ApiError && !error.passing) this.events.onEnd(sentence);
      else this.again(sentence, error instanceof ApiError ? error.retryAfterS : null);
    }
  }

  private open(servers: RTCIceServer[]): Connection {
    const connection = new Connection(servers, this.wish.media(), {
      onState: (state) => this.onState(connection, state),
      onPicture: () => this.adoptIfReady(connection),
      onMessage: (message) => this.onMessage(connection, message),
      onOpen: () => {
        if (connection === this.voice) this.events.onOpen();
      },
    });
    return connection;
  }

  /** Old servers do for a new try: credentials of TURN last for hours. */
  private async iceServers(): Promise<RTCIceServer[]> {
    try {
      this.servers = await iceServers();
    } catch (error) {
      if (!this.servers) throw error;
    }
    return this.servers;
  }

  private onAnswer(connection: Connection, token: string | null, resumed: boolean): void {
    if (resumed) this.voice?.forgetSession();
    if (this.voice !== this.shown) this.voice?.close();
    this.voice = connection;
    this.token = token;
    this.events.onSession(connection.sessionId, resumed);
  }

  private onState(connection: Connection, state: RTCPeerConnectionState): void {
    if (connection === this.next) {
      if (state === "failed") this.again("The connection failed.");
      if (state !== "connected") return;
      this.adoptIfReady(connection);
      const late = () => this.adopt(connection);
      if (connection === this.next) this.limits.push(setTimeout(late, PICTURE_MS));
    } else if (connection === this.shown && !this.next) {
      this.watch?.onState(state);
    }
  }

  private adoptIfReady(connection: Connection): void {
    if (connection.peer.connectionState !== "connected") return;
    if (connection.hasPicture || !this.shown) this.adopt(connection);
  }

  /** Shows the new connection in the place of the old one. */
  private adopt(connection: Connection): void {
    if (connection !== this.next) return;
    this.clearTimers();
    const before = this.shown;
    this.shown = connection;
    this.next = null;
    before?.close();
    this.watch?.stop();
    this.watch = new PathWatch({
      onInterrupted: (sentence) => {
        if (!this.recovering) this.tell(sentence, null);
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
    this.lastWord = null;
    this.liveSince ??= performance.now();
    this.events.onLive(connection);
  }

  /** The old path carries pictures again before anything took its session over. */
  private onBack(): void {
    if (this.next || !this.shown || this.shown.over) return;
    this.latest.abort();
    this.clearTimers();
    this.live(this.shown);
  }

  /** Tries again after a while; `pathLost`: the first time at once, since the server holds the session for seconds. */
  private again(sentence: string, retryAfterS: number | null = null, pathLost = false): void {
    this.latest.abort();
    this.recovering = true;
    this.clearTimers();
    if (this.next && this.next !== this.voice) this.next.close();
    this.next = null;
    const now = performance.now();
    const steady = this.liveSince !== null && now - this.liveSince >= STEADY_MS;
    this.attempt = steady ? 1 : this.attempt + 1;
    this.lostAt = steady ? now : (this.lostAt ?? now);
    this.liveSince = null;
    if (now - this.lostAt > GIVE_UP_MS) return this.events.onEnd(GAVE_UP);
    const wait = pathLost && this.attempt === 1 ? 0 : backoffMs(this.attempt, retryAfterS);
    this.tell(sentence, wait > 0 ? now + wait : null);
    this.retry = setTimeout(() => this.tryNow(sentence), wait);
  }

  private tryNow(sentence: string): void {
    this.clearTimers();
    this.tell(sentence, null);
    void this.connect();
  }

  private tell(sentence: string, retryAt: number | null): void {
    const { lastWord } = this;
    const whole =
      lastWord === null || lastWord === sentence ? sentence : `${sentence} Before that: ${lastWord}.`;
    this.events.onInterrupted({ sentence: whole, attempt: this.attempt, retryAt });
  }

  private onMessage(connection: Connection, message: ServerMessage): void {
    if (connection !== this.voice) return;
    if (message.type !== "stream_stopped") return this.events.onMessage(message);
    // The answer of the offer that took it over is on its way.
    if (message.reason === "resumed") return;
    if (message.reason === "closed_by_client") return this.events.onEnd(message.error_message);
    connection.forgetSession();
    this.token = null;
    this.lastWord = message.error_message;
    if (connection === this.next || connection === this.shown) this.again(message.error_message);
  }

  private async look(): Promise<void> {
    const { shown } = this;
    if (!shown || this.next) return;
    const frames = await shown.framesReceived();
    if (shown === this.shown && !this.next) this.watch?.look(frames, this.wish.expectsPicture());
  }

  private readonly onOnline = (): void => {
    this.onNetworkChange();
    if (this.retry) this.tryNow("The network is back.");
  };

  private readonly onNetworkChange = (): void => this.watch?.onNetworkChange();

  private clearTimers(): void {
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
    for (const limit of this.limits) clearTimeout(limit);
    this.limits = [];
  }
}

/** The Network Information API, where the browser has it. */
function networkInformation(): EventTarget | null {
  return (navigator as { connection?: EventTarget }).connection ?? null;
}
