import type { ServerMessage } from "../types/api";
import {
  type Metrics,
  NO_METRICS,
  type StartOptions,
  type StreamSnapshot,
  type Values,
} from "../types/stream";
import type { Connection } from "./Connection";
import { ConnectionKeeper, type Interruption } from "./ConnectionKeeper";
import { DelayMeter } from "./DelayMeter";
import { Outbox } from "./Outbox";
import { StatsReader } from "./StatsReader";
import { delayOf } from "./delay";
import { type Source, openSource } from "./sources";
import { Store } from "./store";

const FIGURES_MS = 1000;
/** The server's figures come once a second; older ones say nothing of now. */
const FRESH_MS = 3000;

const IDLE: StreamSnapshot = {
  phase: "idle",
  sentence: null,
  attempt: 0,
  retryAt: null,
  sessionId: null,
  inputStream: null,
  outputStream: null,
  frozen: false,
  notice: null,
  stage: null,
  pipelineId: null,
  parameters: {},
  rejected: {},
  paused: false,
  recording: null,
  metrics: NO_METRICS,
};

/** One stream of the page: its source, its session, and what a person sets and sees. */
export class StreamController extends Store<StreamSnapshot> {
  private options: StartOptions | null = null;
  private source: Source | null = null;
  private keeper: ConnectionKeeper | null = null;
  private readonly outbox = new Outbox((values) => this.keeper?.send(values) ?? false);
  private figures: ReturnType<typeof setInterval> | null = null;
  private stats = new StatsReader();
  /** The server's last figures over this connection. */
  private heard: { at: number; fpsOut: number } | null = null;
  /** The pipeline that the server runs, for when it refuses another one. */
  private acceptedPipeline: string | null = null;
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
    this.keeper = this.keep(this.source.stream, options);
    await this.keeper.start();
  };

  readonly stop = (): void => {
    this.generation++;
    this.teardown();
    const { parameters, pipelineId } = this.getSnapshot();
    this.update({ ...IDLE, parameters, pipelineId });
  };

  readonly setParameters = (values: Values): void => {
    const others = Object.entries(this.getSnapshot().rejected).filter(([name]) => !(name in values));
    const rejected = Object.fromEntries(others);
    this.update({ parameters: { ...this.getSnapshot().parameters, ...values }, rejected });
    this.outbox.put(values);
  };

  readonly setPaused = (paused: boolean): void => {
    this.update({ paused });
    this.outbox.put({ paused });
  };

  readonly switchPipeline = (id: string): void => {
    if (this.options) this.options = { ...this.options, pipelineId: id };
    this.update({ pipelineId: id, parameters: {}, rejected: {} });
    this.outbox.put({ pipeline_id: id });
  };

  readonly attachOutput = (video: HTMLVideoElement | null): void => this.meter.watch(video);

  private keep(stream: MediaStream, { codec }: StartOptions): ConnectionKeeper {
    const wish = {
      stream,
      codec,
      initialParameters: () => this.initialParameters(),
      expectsPicture: () => this.expectsPicture(),
    };
    return new ConnectionKeeper(wish, {
      onLive: (connection) => this.onLive(connection),
      onInterrupted: (interruption) => this.onInterrupted(interruption),
      onSession: (sessionId, resumed) => {
        this.heard = null;
        if (!resumed) this.acceptedPipeline = this.options?.pipelineId ?? null;
        this.update({ sessionId, stage: null, ...(resumed ? {} : { notice: null }) });
      },
      onMessage: (message) => this.onMessage(message),
      onOpen: () => this.outbox.resend(),
      onEnd: (sentence) => this.end(sentence),
    });
  }

  /** Not while the session is paused or the server has no picture; but then its figures must come. */
  private expectsPicture(): boolean {
    const { paused } = this.getSnapshot();
    if (!this.heard) return !paused;
    const fresh = performance.now() - this.heard.at <= FRESH_MS;
    return !fresh || (!paused && this.heard.fpsOut > 0);
  }

  private initialParameters(): Values {
    const { parameters, paused } = this.getSnapshot();
    const pipelineId = this.options?.pipelineId;
    return {
      ...(pipelineId ? { pipeline_ids: [pipelineId] } : {}),
      ...parameters,
      ...(paused ? { paused } : {}),
    };
  }

  private onLive(connection: Connection): void {
    if (connection.output !== this.getSnapshot().outputStream) {
      this.stats = new StatsReader();
      this.meter.restart();
    }
    this.update({ phase: "live", sentence: null, retryAt: null, outputStream: connection.output });
  }

  private onInterrupted(interruption: Interruption): void {
    this.update({ ...interruption, phase: "reconnecting", frozen: false, metrics: NO_METRICS });
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case "parameters_updated":
        this.outbox.answered(message.id);
        return this.update({ parameters: message.parameters });
      case "parameters_rejected":
        this.outbox.answered(message.id);
        return this.onRejected(message.errors);
      case "pipeline_changed":
        this.acceptedPipeline = message.pipeline_id;
        return this.update({ pipelineId: message.pipeline_id });
      case "stage_state":
        return this.update({ stage: { state: message.state, detail: message.detail } });
      case "encoder_changed":
        return this.update({ notice: `The server changed its encoder: ${message.detail}.` });
      case "decoder_changed":
        return this.update({ notice: `The server changed its decoder: ${message.detail}.` });
      case "recording":
        return this.update({ recording: message });
      case "stats": {
        this.heard = { at: performance.now(), fpsOut: message.fps_out };
        const metrics = { ...this.getSnapshot().metrics, serverLatencyMs: message.latency_ms ?? null };
        return this.update({ metrics });
      }
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

  private end(sentence: string): void {
    this.generation++;
    this.teardown();
    const { parameters, pipelineId } = this.getSnapshot();
    this.update({ ...IDLE, phase: "ended", sentence, parameters, pipelineId });
  }

  private async measure(): Promise<void> {
    const { keeper } = this;
    const peer = keeper?.peer;
    if (!keeper || !peer || this.getSnapshot().phase !== "live") return;
    const read = await this.stats.read(peer).catch(() => null);
    const { phase, paused, metrics } = this.getSnapshot();
    if (peer !== this.keeper?.peer || phase !== "live" || !read) return;
    const known: Metrics = { ...read, serverLatencyMs: metrics.serverLatencyMs };
    const delay = delayOf(this.meter.delayMs(), known);
    this.update({ metrics: { ...known, delay }, frozen: !paused && this.meter.frozen() });
    if (delay) keeper.send({ client_delay_ms: Math.round(delay.ms * 10) / 10 });
  }

  private teardown(): void {
    if (this.figures) clearInterval(this.figures);
    this.figures = null;
    this.keeper?.close();
    this.keeper = null;
    this.source?.close();
    this.source = null;
    this.outbox.clear();
    this.heard = null;
    this.meter.reset();
  }
}
