import { chosenOf } from "../lib/serverFiles";
import { same, without } from "../lib/values";
import type { ServerMessage } from "../types/api";
import {
  type InputSource,
  type Metrics,
  NO_METRICS,
  type PromptData,
  type SourceOptions,
  type StartOptions,
  type Values,
} from "../types/stream";
import type { Connection } from "./Connection";
import { ConnectionKeeper, type Interruption } from "./ConnectionKeeper";
import { DelayMeter } from "./DelayMeter";
import { Outbox } from "./Outbox";
import { StatsReader } from "./StatsReader";
import { delayOf } from "./delay";
import { IDLE, NO_PROMPT, type StreamSnapshot } from "./snapshot";
import { type Source, openSource } from "./sources";
import { Store } from "../lib/store";

const FIGURES_MS = 1000;
/** The server's figures come once a second; older ones say nothing of now. */
const FRESH_MS = 3000;

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
  /** What the server runs, for when it refuses something else. */
  private inForce: { pipelineId: string | null; parameters: Values } = { pipelineId: null, parameters: {} };
  /** The file of its own that the server says it plays. */
  private played: InputSource | null = null;
  /** Rises with each change of the source, so that a slower one before it is dropped. */
  private sourceRound = 0;
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
      inputSource: options.inputSource,
      pipelineId: options.pipelineId,
      parameters: options.parameters,
    });
    try {
      const source = await openSource(options);
      if (generation !== this.generation) return source.close();
      this.take(source);
    } catch (error) {
      if (generation === this.generation) this.end(error instanceof Error ? error.message : String(error));
      return;
    }
    this.figures = setInterval(() => void this.measure(), FIGURES_MS);
    this.keeper = this.keep(options);
    await this.keeper.start();
  };

  readonly stop = (): void => {
    this.generation++;
    this.teardown();
    const { parameters, pipelineId } = this.getSnapshot();
    this.update({ ...IDLE, parameters, pipelineId });
  };

  /** What the next start begins with, before there is one. */
  readonly prepare = (pipelineId: string | null, parameters: Values): void => {
    if (!this.keeper) this.update({ pipelineId, parameters, rejected: {} });
  };

  /** Sends another source on the same session; the one before stays where that does not start. */
  readonly changeSource = async (change: Partial<SourceOptions>): Promise<void> => {
    if (!this.options || !this.source) return;
    const options = { ...this.options, ...change };
    this.sourceRound++;
    this.update({ inputSource: options.inputSource });
    // What is sent stays until the server says that it plays the file.
    if (options.inputSource) this.choose(options);
    else await this.open(options);
  };

  /** Lets the source's sound out, or silence in its place; a source that was opened without is opened again. */
  readonly setSound = (on: boolean): void => {
    if (!this.options || !this.source) return;
    const sounds = this.source.stream.getAudioTracks();
    if (on && sounds.length === 0) return void this.changeSource({ sound: true });
    this.options = { ...this.options, sound: on };
    this.letOut(sounds, on);
  };

  /** `once` is done and forgotten, such as a transition. */
  readonly setParameters = (values: Values, once: Values = {}): void => {
    const { parameters, prompt } = this.getSnapshot();
    const rejected = without(this.getSnapshot().rejected, (name) => name in values || name === "");
    const sent: PromptData = { ...NO_PROMPT, state: "sent" };
    const live = this.keeper !== null;
    this.update({
      parameters: { ...parameters, ...values },
      rejected: rejected as Record<string, string>,
      prompt: live && "prompts" in values ? sent : prompt,
    });
    if (live) this.outbox.put({ ...values, ...once });
  };

  /** Does something once that no parameter keeps, such as `reset`. */
  readonly command = (once: Values): void => {
    if (this.keeper) this.outbox.put(once);
  };

  readonly setPaused = (paused: boolean): void => {
    this.update({ paused });
    this.command({ paused });
  };

  /** The pipeline takes over, with these parameters, as soon as it is loaded. */
  readonly switchPipeline = (id: string, parameters: Values): void => {
    const live = this.keeper !== null;
    if (this.options) this.options = { ...this.options, pipelineId: id };
    const sent: PromptData = { ...NO_PROMPT, state: live && "prompts" in parameters ? "sent" : "none" };
    this.update({ pipelineId: id, switchingTo: live ? id : null, parameters, rejected: {}, prompt: sent });
    this.command({ pipeline_id: id, ...parameters });
  };

  readonly attachOutput = (video: HTMLVideoElement | null): void => this.meter.watch(video);

  private async open(options: StartOptions): Promise<void> {
    const round = ++this.sourceRound;
    try {
      const source = await openSource(options);
      if (round !== this.sourceRound) return source.close();
      const [before, played] = [this.source, this.options?.inputSource];
      this.options = options;
      this.take(source);
      await this.keeper?.replace(source.stream);
      before?.close();
      if (played && !options.inputSource) this.choose(options);
    } catch (error) {
      if (round !== this.sourceRound) return;
      this.update({ sourceNotice: error instanceof Error ? error.message : String(error) });
      this.settleSource();
    }
  }

  /** The source is this from here on. */
  private take(source: Source): void {
    this.source = source;
    source.onStamp = this.meter.onStamp;
    source.onEnded = (sentence) => this.update({ sourceNotice: sentence });
    this.letOut(source.stream.getAudioTracks(), this.options?.sound ?? false);
    this.update({ inputStream: source.stream, player: source.player, sourceNotice: null });
  }

  private letOut(sounds: MediaStreamTrack[], on: boolean): void {
    for (const track of sounds) track.enabled = on;
    this.update({ soundOn: on && sounds.length > 0 });
  }

  private keep({ codec, source }: StartOptions): ConnectionKeeper {
    const direction = source === "text" ? ("recvonly" as const) : ("sendrecv" as const);
    const wish = {
      media: () => ({ stream: this.source?.stream ?? new MediaStream(), direction, codec }),
      initialParameters: () => this.initialParameters(),
      expectsPicture: () => this.expectsPicture(),
    };
    return new ConnectionKeeper(wish, {
      onLive: (connection) => this.onLive(connection),
      onInterrupted: (interruption) => this.onInterrupted(interruption),
      onSession: (sessionId, resumed) => {
        this.heard = null;
        this.update({ sessionId, stage: null });
        if (!resumed) this.onFresh();
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
    const { pipelineId, inputSource } = this.options ?? {};
    return {
      ...(inputSource ? { input_source: inputSource } : {}),
      ...(pipelineId ? { pipeline_ids: [pipelineId] } : {}),
      ...parameters,
      ...(paused ? { paused } : {}),
    };
  }

  /** A session that takes none over runs what its offer said. */
  private onFresh(): void {
    const { parameters } = this.getSnapshot();
    this.inForce = { pipelineId: this.options?.pipelineId ?? null, parameters };
    const state = "prompts" in parameters ? "in force" : "none";
    this.played = this.options?.inputSource ?? null;
    this.update({
      notice: null,
      inputSource: this.played,
      switchingTo: null,
      prompt: { ...NO_PROMPT, state },
    });
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
        return this.onUpdated(message);
      case "parameters_rejected":
        return this.onRejected(message.errors, this.outbox.answered(message.id));
      case "pipeline_changed":
        return this.onPipeline(message.pipeline_id);
      case "stage_state":
        return this.update({ stage: { state: message.state, detail: message.detail } });
      case "encoder_changed":
        return this.update({ notice: `The server changed its encoder: ${message.detail}.` });
      case "decoder_changed":
        return this.update({ notice: `The server changed its decoder: ${message.detail}.` });
      case "input_source":
        return this.onInputSource(message.source && chosenOf(message.source), message.error ?? null);
      case "recording":
        return this.update({ recording: message });
      case "stats": {
        this.heard = { at: performance.now(), fpsOut: message.fps_out };
        const metrics = { ...this.getSnapshot().metrics, serverLatencyMs: message.latency_ms ?? null };
        return this.update({ metrics });
      }
    }
  }

  private onUpdated(message: ServerMessage & { type: "parameters_updated" }): void {
    const answered = this.outbox.answered(message.id);
    const { parameters, prompt } = this.getSnapshot();
    this.inForce = { ...this.inForce, parameters: message.parameters };
    // A slider in motion is ahead of the server: what is on its way back would pull it to where it was.
    const ahead = without(parameters, (name) => !this.outbox.awaits(name));
    this.update({ parameters: { ...message.parameters, ...ahead } });
    if (answered?.["pipeline_id"] === this.getSnapshot().switchingTo) this.update({ switchingTo: null });
    if (prompt.state !== "sent" || !answered || !("prompts" in answered)) return;
    if (this.outbox.awaits("prompts")) return;
    const atOnce = message.ignored?.includes("transition") ?? false;
    this.update({ prompt: { state: "in force", frame: message.frame, atOnce } });
  }

  private onPipeline(id: string): void {
    const { switchingTo } = this.getSnapshot();
    this.inForce = { pipelineId: id, parameters: {} };
    // Another one was chosen since.
    if (switchingTo !== null && switchingTo !== id) return;
    this.update({ pipelineId: id, switchingTo: null });
  }

  /** Asks the server for the picture of these options. */
  private choose(options: StartOptions): void {
    this.options = options;
    const rejected = without(this.getSnapshot().rejected, (name) => name === "input_source");
    this.update({ rejected: rejected as Record<string, string>, sourceNotice: null });
    this.outbox.put({ input_source: options.inputSource });
  }

  private onInputSource(inputSource: InputSource | null, error: string | null): void {
    const { options } = this;
    this.played = inputSource;
    if (error) this.update({ sourceNotice: `The server plays its file no more: ${error}. Choose a source.` });
    if (!options) return;
    const wanted = inputSource !== null && same(inputSource, options.inputSource);
    if (wanted && this.source?.stream.getTracks().length) void this.open(options);
    this.settleSource();
  }

  /** What the server plays is what counts, unless something else was asked for since. */
  private settleSource(): void {
    const { options, played: inputSource } = this;
    if (!options || this.outbox.awaits("input_source")) return;
    this.options = { ...options, inputSource };
    this.update({ inputSource });
  }

  /** What was refused must not stand in the next offer, which it would break: what is in force does. */
  private onRejected(errors: { path: string; message: string }[], asked: Values | null): void {
    const refused = Object.fromEntries(
      errors.map((error) => [error.path.split("/")[1] ?? "", error.message]),
    );
    const { parameters, rejected, prompt, switchingTo } = this.getSnapshot();
    const { inForce } = this;
    const noPrompt = prompt.state === "sent" && "prompts" in (asked ?? {});
    this.update({
      parameters: {
        ...without(parameters, (name) => name in refused),
        ...without(inForce.parameters, (name) => !(name in refused)),
      },
      rejected: { ...rejected, ...refused },
      prompt: noPrompt ? { ...NO_PROMPT, state: "refused" } : prompt,
    });
    if ("input_source" in refused) this.settleSource();
    const wanted = asked?.["pipeline_id"] ?? switchingTo;
    if (!("pipeline_id" in refused) || (switchingTo !== null && wanted !== switchingTo)) return;
    if (this.options) this.options = { ...this.options, pipelineId: inForce.pipelineId };
    this.update({ ...inForce, switchingTo: null });
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
    this.sourceRound++;
    this.source?.close();
    this.source = null;
    this.outbox.clear();
    this.heard = null;
    this.meter.reset();
  }
}
