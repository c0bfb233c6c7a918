import { Latest } from "../lib/Latest";
import { sentence as sentenceOf } from "../lib/format";
import { Store } from "../lib/store";
import type { ServerMessage } from "../types/api";
import type { StartOptions, Values } from "../types/stream";
import type { Connection } from "./Connection";
import { ConnectionKeeper, type Interruption } from "./ConnectionKeeper";
import { ParameterSync } from "./ParameterSync";
import { SourceSwitcher } from "./SourceSwitcher";
import { StreamMetrics } from "./StreamMetrics";
import { IDLE, type StreamSnapshot } from "./snapshot";

/**
 * The page's session, from Start to its end: opens the source, keeps the connection, and passes each message of the
 * server to the part that it is for. After a reconnect the server has a new session; here it is the same one.
 */
export class Session extends Store<StreamSnapshot> {
  readonly parameters: ParameterSync;
  readonly source: SourceSwitcher;
  readonly metrics: StreamMetrics;
  private keeper: ConnectionKeeper | null = null;
  private readonly latest = new Latest();

  constructor() {
    super(IDLE);
    const fields = {
      getSnapshot: this.getSnapshot,
      update: (change: Partial<StreamSnapshot>) => this.update(change),
    };
    this.parameters = new ParameterSync(fields);
    this.metrics = new StreamMetrics(fields);
    this.source = new SourceSwitcher(fields, {
      replace: async (stream) => this.keeper?.replace(stream),
      request: (inputSource) => this.parameters.send({ input_source: inputSource }),
      requested: () => this.parameters.awaits("input_source"),
      onStamp: this.metrics.meter.onStamp,
    });
  }

  readonly start = async (options: StartOptions): Promise<void> => {
    void this.teardown();
    const signal = this.latest.start();
    const { inputSource, pipelineId, parameters } = options;
    this.update({ ...IDLE, phase: "connecting", inputSource, pipelineId, parameters });
    try {
      await this.source.start(options);
    } catch (error) {
      if (!signal.aborted) this.end(sentenceOf(error));
      return;
    }
    if (signal.aborted) return;
    this.keeper = this.keep(options);
    this.parameters.start(this.keeper);
    this.metrics.start(this.keeper);
    await this.keeper.start();
  };

  /** Stops at once; settles once the server has ended the session too. */
  readonly stop = (): Promise<void> => this.over({});

  /** Goes on where the stream waits for a sign-in. */
  readonly onSignedIn = (): void => this.keeper?.onSignedIn();

  /** Ends the session when nobody pressed Stop. */
  private end(sentence: string): void {
    void this.over({ phase: "ended", sentence });
  }

  /** Pipeline and parameters stay for the next start. */
  private over(change: Partial<StreamSnapshot>): Promise<void> {
    const ended = this.teardown();
    const { parameters, pipelineId } = this.getSnapshot();
    this.update({ ...IDLE, parameters, pipelineId, ...change });
    return ended;
  }

  private async teardown(): Promise<void> {
    this.latest.abort();
    this.metrics.stop();
    const ended = this.keeper?.close();
    this.keeper = null;
    this.source.stop();
    this.parameters.stop();
    await ended;
  }

  private keep({ codec, source }: StartOptions): ConnectionKeeper {
    const direction = source === "text" ? ("recvonly" as const) : ("sendrecv" as const);
    const options = {
      media: () => ({ stream: this.source.stream, direction, codec }),
      initialParameters: () => this.initialParameters(),
      expectsFrames: () => this.metrics.expectsFrames(),
    };
    return new ConnectionKeeper(options, {
      onLive: (connection) => this.onLive(connection),
      onInterrupted: (interruption) => this.onInterrupted(interruption),
      onSession: (sessionId, resumed) => this.onSession(sessionId, resumed),
      onMessage: (message) => this.onMessage(message),
      onOpen: () => this.parameters.resend(),
      onEnd: (sentence) => this.end(sentence),
    });
  }

  private initialParameters(): Values {
    const { inputSource } = this.source;
    return { ...(inputSource ? { input_source: inputSource } : {}), ...this.parameters.initial() };
  }

  private onSession(sessionId: string | null, resumed: boolean): void {
    this.metrics.onSession();
    this.update({ sessionId, stage: null });
    if (resumed) return;
    // The offer's values are in force, whatever the server said in the session before.
    this.parameters.onFresh();
    this.source.onFresh();
    this.update({ notice: null });
  }

  private onLive(connection: Connection): void {
    if (connection.output !== this.getSnapshot().outputStream) this.metrics.onConnection();
    this.update({
      phase: "live",
      sentence: null,
      retryAt: null,
      signedOut: false,
      outputStream: connection.output,
    });
  }

  private onInterrupted(interruption: Interruption): void {
    this.metrics.onInterrupted();
    this.update({ ...interruption, phase: "reconnecting" });
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case "parameters_updated":
        return this.parameters.onUpdated(message);
      case "parameters_rejected": {
        const rejected = this.parameters.onRejected(message);
        return "input_source" in rejected ? this.source.settle() : undefined;
      }
      case "pipeline_changed":
        return this.parameters.onPipeline(message.pipeline_id);
      case "input_source":
        return this.source.onInputSource(message);
      case "stats":
        return this.metrics.onStats(message);
      case "stage_state":
        return this.update({ stage: message });
      case "recording":
        return this.update({ recording: message });
      case "encoder_changed":
        return this.update({ notice: `The server changed its encoder: ${message.detail}.` });
      case "decoder_changed":
        return this.update({ notice: `The server changed its decoder: ${message.detail}.` });
      case "stream_stopped":
        // The keeper handles it: it knows whether to reconnect.
        return;
    }
  }
}
