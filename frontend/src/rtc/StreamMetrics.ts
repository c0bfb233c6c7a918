import type { MessageOf } from "../types/api";
import { type Metrics, NO_METRICS } from "../types/stream";
import type { ConnectionKeeper } from "./ConnectionKeeper";
import { DelayMeter } from "./DelayMeter";
import { StatsReader } from "./StatsReader";
import { delayOf } from "./delay";
import type { Fields } from "./snapshot";

const EVERY_MS = 1000;
/** The server's figures come once a second; older ones are no longer true. */
const FRESH_MS = 3000;

type Link = Pick<ConnectionKeeper, "peer" | "send">;

/** Measures the stream once a second: the browser's figures, the server's, and the delay, which the server is told. */
export class StreamMetrics {
  readonly meter = new DelayMeter();
  private stats = new StatsReader();
  /** The server's latest figures over this connection. */
  private heard: { at: number; fpsOut: number } | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly state: Fields<"metrics" | "frozen">) {}

  start(link: Link): void {
    this.timer = setInterval(() => void this.measure(link), EVERY_MS);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    this.heard = null;
    this.meter.reset();
  }

  /** Measures the frames of this video. */
  readonly attach = (video: HTMLVideoElement | null): void => this.meter.watch(video);

  onSession(): void {
    this.heard = null;
  }

  /** Another connection delivers: its counters start at 0. */
  onConnection(): void {
    this.stats = new StatsReader();
    this.meter.restart();
  }

  onInterrupted(): void {
    this.state.update({ frozen: false, metrics: NO_METRICS });
  }

  onStats({ fps_out, latency_ms }: MessageOf<"stats">): void {
    this.heard = { at: performance.now(), fpsOut: fps_out };
    const { metrics } = this.state.getSnapshot();
    this.state.update({ metrics: { ...metrics, serverLatencyMs: latency_ms ?? null } });
  }

  /** Whether frames are due: not while paused or while the server sends none, as long as its figures arrive. */
  expectsFrames(): boolean {
    const { paused } = this.state.getSnapshot();
    if (!this.heard) return !paused;
    const fresh = performance.now() - this.heard.at <= FRESH_MS;
    return !fresh || (!paused && this.heard.fpsOut > 0);
  }

  private async measure(link: Link): Promise<void> {
    const { peer } = link;
    if (!peer || this.state.getSnapshot().phase !== "live") return;
    const read = await this.stats.read(peer).catch(() => null);
    const { phase, paused, metrics } = this.state.getSnapshot();
    if (peer !== link.peer || phase !== "live" || !read) return;
    const known: Metrics = { ...read, serverLatencyMs: metrics.serverLatencyMs };
    const delay = delayOf(this.meter.delayMs(), known);
    this.state.update({ metrics: { ...known, delay }, frozen: !paused && this.meter.frozen() });
    if (delay) link.send({ client_delay_ms: Math.round(delay.ms * 10) / 10 });
  }
}
