import { ApiError, iceServers } from "../lib/api";
import type { ServerMessage } from "../types/api";
import { NO_METRICS, type StartOptions, type StreamSnapshot, type Values } from "../types/stream";
import { Connection } from "./Connection";
import { DelayMeter } from "./DelayMeter";
import { StatsReader } from "./StatsReader";
import { backoffMs } from "./backoff";
import { type Source, openSource } from "./sources";
import { Store } from "./store";

/** ICE loses a path for moments when a network changes; after this the path is gone. */
const DISCONNECTED_MS = 3000;
const FIGURES_MS = 1000;
/** A connection that lasted so long was a good one: the next loss starts with the shortest wait again. */
const STEADY_MS = 10_000;

const IDLE: StreamSnapshot = {
  phase: "idle",
  sentence: null,
  attempt: 0,
  retryAt: null,
  sessionId: null,
  inputStream: null,
  outputStream: null,
  frozen: false,
  stage: null,
  pipelineId: null,
  parameters: {},
  rejected: {},
  paused: false,
  metrics: NO_METRICS,
};

/** One stream of the page: source, connection, and the way back when the connection is lost. */
export class StreamController extends Store<StreamSnapshot> {
  private options: StartOptions | null = null;
  private source: Source | null = null;
  private connection: Connection | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private lost: ReturnType<typeof setTimeout> | null = null;
  private figures: ReturnType<typeof setInterval> | null = null;
  private stats = new StatsReader();
  private unsent: Values | null = null;
  /** Said while no channel was open; goes out when one is. */
  private held: Values = {};
  /** The pipeline that the server runs, for when it refuses another one. */
  private acceptedPipeline: string | null = null;
  private liveSince: number | null = null;
  /** Rises with each start and stop, so that what was awaited for an earlier one is dropped. */
  private generation = 0;
  readonly meter = new DelayMeter();

  constructor() {
    super(IDLE);
  }

  readonly start = async (options: StartOptions): Promise<void> => {
    this.teardown();
    const generation = ++this.generation;
    this.options = options;
    this.update({
      ...IDLE,
      phase: "connecting",
      pipelineId: options.pipelineId,
      parameters: options.parameters,
    });
    try {
      const source = await openSource(options);
      if (generation !== this.generation) return source.close();
      this.source = source;
      source.onStamp = this.meter.onStamp;
      this.update({ inputStream: source.stream });
    } catch (error) {
      if (generation === this.generation) this.end(error instanceof Error ? error.message : String(error));
      return;
    }
    this.figures = setInterval(() => void this.measure(), FIGURES_MS);
    await this.connect(generation);
  };

  readonly stop = (): void => {
    this.generation++;
    this.teardown();
    this.update({
      ...IDLE,
      parameters: this.getSnapshot().parameters,
      pipelineId: this.getSnapshot().pipelineId,
    });
  };

  readonly setParameters = (values: Values): void => {
    const others = Object.entries(this.getSnapshot().rejected).filter(([name]) => !(name in values));
    const rejected = Object.fromEntries(others);
    this.update({ parameters: { ...this.getSnapshot().parameters, ...values }, rejected });
    this.send(values);
  };

  readonly setPaused = (paused: boolean): void => {
    this.update({ paused });
    this.send({ paused });
  };

  readonly switchPipeline = (id: string): void => {
    if (this.options) this.options = { ...this.options, pipelineId: id };
    this.update({ pipelineId: id, parameters: {}, rejected: {} });
    this.send({ pipeline_id: id });
  };

  readonly attachOutput = (video: HTMLVideoElement | null): void => this.meter.watch(video);

  /** Coalesces what is said within one animation frame; the newest value of each name goes out. */
  private send(values: Values): void {
    if (this.unsent) {
      Object.assign(this.unsent, values);
      return;
    }
    this.unsent = { ...values };
    requestAnimationFrame(() => {
      const unsent = this.unsent;
      this.unsent = null;
      if (unsent && !this.connection?.send(unsent)) this.held = { ...this.held, ...unsent };
    });
  }

  private async connect(generation: number): Promise<void> {
    const { source, options } = this;
    if (!source || !options) return;
    this.stats = new StatsReader();
    this.meter.reset();
    let connection: Connection | null = null;
    try {
      const servers = await iceServers();
      if (generation !== this.generation) return;
      connection = new Connection(servers, source.stream, options.codec, {
        onTrack: (outputStream) => this.update({ outputStream }),
        onState: (state) => this.onConnectionState(state, generation),
        onMessage: (message) => this.onMessage(message, generation),
        onOpen: () => this.sendHeld(generation),
      });
      this.connection = connection;
      this.held = {};
      this.acceptedPipeline = options.pipelineId;
      await connection.open(this.initialParameters(options));
      if (generation === this.generation) this.update({ sessionId: connection.sessionId });
    } catch (error) {
      if (generation !== this.generation) return connection?.close();
      if (error instanceof ApiError && !error.passing) this.end(error.message);
      else this.reconnect(error instanceof Error ? error.message : String(error), retryAfter(error));
    }
  }

  private sendHeld(generation: number): void {
    if (generation !== this.generation || Object.keys(this.held).length === 0) return;
    if (this.connection?.send(this.held)) this.held = {};
  }

  private initialParameters(options: StartOptions): Values {
    const { parameters, paused } = this.getSnapshot();
    return {
      ...(options.pipelineId ? { pipeline_ids: [options.pipelineId] } : {}),
      ...parameters,
      ...(paused ? { paused } : {}),
    };
  }

  private onConnectionState(state: RTCPeerConnectionState, generation: number): void {
    if (generation !== this.generation) return;
    if (this.lost) clearTimeout(this.lost);
    this.lost = null;
    if (state === "connected") {
      this.liveSince ??= performance.now();
      this.update({ phase: "live", sentence: null, retryAt: null });
    } else if (state === "failed") {
      this.reconnect("The connection failed.", null);
    } else if (state === "disconnected") {
      this.update({ phase: "reconnecting", sentence: "The connection is interrupted.", retryAt: null });
      this.lost = setTimeout(() => this.reconnect("The connection was lost.", null), DISCONNECTED_MS);
    }
  }

  private onMessage(message: ServerMessage, generation: number): void {
    if (generation !== this.generation) return;
    switch (message.type) {
      case "parameters_updated":
        return this.update({ parameters: message.parameters });
      case "parameters_rejected":
        return this.onRejected(message.errors);
      case "pipeline_changed":
        this.acceptedPipeline = message.pipeline_id;
        return this.update({ pipelineId: message.pipeline_id });
      case "stage_state":
        return this.update({ stage: { state: message.state, detail: message.detail } });
      case "stats": {
        const metrics = { ...this.getSnapshot().metrics, serverLatencyMs: message.latency_ms ?? null };
        return this.update({ metrics });
      }
      case "stream_stopped":
        if (message.reason === "closed_by_client") return this.end(message.error_message);
        return this.reconnect(message.error_message, null);
    }
  }

  /** What was refused must not stand in the next offer, which it would break. */
  private onRejected(errors: { path: string; message: string }[]): void {
    const refused = Object.fromEntries(
      errors.map((error) => [error.path.split("/")[1] ?? "", error.message]),
    );
    const kept = Object.entries(this.getSnapshot().parameters).filter(([name]) => !(name in refused));
    this.update({
      parameters: Object.fromEntries(kept),
      rejected: { ...this.getSnapshot().rejected, ...refused },
    });
    if (!("pipeline_id" in refused)) return;
    if (this.options) this.options = { ...this.options, pipelineId: this.acceptedPipeline };
    this.update({ pipelineId: this.acceptedPipeline });
  }

  /** Loses the connection but not the source, and tries again until somebody stops it. */
  private reconnect(sentence: string, retryAfterS: number | null): void {
    const generation = ++this.generation;
    this.dropConnection();
    const steady = this.liveSince !== null && performance.now() - this.liveSince >= STEADY_MS;
    const attempt = steady ? 1 : this.getSnapshot().attempt + 1;
    this.liveSince = null;
    const wait = backoffMs(attempt, retryAfterS);
    this.update({
      phase: "reconnecting",
      sentence,
      attempt,
      retryAt: performance.now() + wait,
      sessionId: null,
      outputStream: null,
      frozen: false,
      stage: null,
      metrics: NO_METRICS,
    });
    this.retry = setTimeout(() => {
      this.update({ retryAt: null });
      void this.connect(generation);
    }, wait);
  }

  private end(sentence: string): void {
    this.generation++;
    this.teardown();
    const { parameters, pipelineId } = this.getSnapshot();
    this.update({ ...IDLE, phase: "ended", sentence, parameters, pipelineId });
  }

  private async measure(): Promise<void> {
    const { connection } = this;
    const { phase, paused, metrics } = this.getSnapshot();
    if (!connection || phase !== "live") return;
    const read = await this.stats.read(connection.peer).catch(() => null);
    if (connection !== this.connection || !read) return;
    const delayMs = this.meter.delayMs();
    this.update({
      metrics: { ...read, delayMs, serverLatencyMs: metrics.serverLatencyMs },
      frozen: !paused && this.meter.frozen(),
    });
  }

  private dropConnection(): void {
    if (this.lost) clearTimeout(this.lost);
    if (this.retry) clearTimeout(this.retry);
    this.lost = null;
    this.retry = null;
    this.connection?.close();
    this.connection = null;
  }

  private teardown(): void {
    this.dropConnection();
    if (this.figures) clearInterval(this.figures);
    this.figures = null;
    this.source?.close();
    this.source = null;
    this.unsent = null;
    this.held = {};
    this.liveSince = null;
    this.meter.reset();
  }
}

function retryAfter(error: unknown): number | null {
  return error instanceof ApiError ? error.retryAfterS : null;
}
