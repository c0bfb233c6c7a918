import { Latest } from "../lib/Latest";
import { sentence } from "../lib/format";
import { chosenOf } from "../lib/serverFiles";
import { same } from "../lib/values";
import type { MessageOf } from "../types/api";
import type { InputSource, SourceOptions } from "../types/stream";
import { type Source, openSource } from "./sources";
import type { Fields } from "./snapshot";

type Own = "inputStream" | "player" | "inputSource" | "sourceNotice" | "audioOn";

/** Where the source goes. */
export interface Destination {
  /** Sends another source over every connection. */
  replace: (stream: MediaStream) => Promise<void>;
  /** Asks the server to play one of its files, or none. */
  request: (inputSource: InputSource | null) => void;
  /** Whether the server has yet to answer that. */
  requested: () => boolean;
  /** A frame with this number was drawn. */
  onStamp: (number: number) => void;
}

/** Opens the session's source and switches it while the session runs: to another of the page's, or a file on the server. */
export class SourceSwitcher {
  private options: SourceOptions | null = null;
  private source: Source | null = null;
  /** The file that the server says it plays. */
  private played: InputSource | null = null;
  private readonly latest = new Latest();

  constructor(
    private readonly state: Fields<Own>,
    private readonly destination: Destination,
  ) {}

  get stream(): MediaStream {
    return this.source?.stream ?? new MediaStream();
  }

  /** The file that a new session asks the server for. */
  get inputSource(): InputSource | null {
    return this.options?.inputSource ?? null;
  }

  /** Opens the first source; throws a sentence if it cannot. */
  async start(options: SourceOptions): Promise<void> {
    const signal = this.latest.start();
    this.options = options;
    const source = await openSource(options);
    if (signal.aborted) source.close();
    else this.take(source);
  }

  stop(): void {
    this.latest.abort();
    this.source?.close();
    this.source = null;
  }

  /** Sends another source on the same session; if it does not start, the one before stays. */
  readonly change = async (change: Partial<SourceOptions>): Promise<void> => {
    if (!this.options || !this.source) return;
    const options = { ...this.options, ...change };
    this.latest.abort();
    this.state.update({ inputSource: options.inputSource });
    // What is sent stays until the server says that it plays the file.
    if (options.inputSource) this.request(options);
    else await this.open(options);
  };

  /** Sends the source's audio, or silence in its place; a source that was opened without audio is opened again. */
  readonly setAudio = (on: boolean): void => {
    if (!this.options || !this.source) return;
    const tracks = this.source.stream.getAudioTracks();
    if (on && tracks.length === 0) return void this.change({ audio: true });
    this.options = { ...this.options, audio: on };
    this.enable(tracks, on);
  };

  /** The server runs a new session, which plays the file that its offer named. */
  onFresh(): void {
    this.played = this.inputSource;
    this.state.update({ inputSource: this.played });
  }

  onInputSource({ source, error }: MessageOf<"input_source">): void {
    const inputSource = source && chosenOf(source);
    this.played = inputSource;
    if (error) {
      this.state.update({
        sourceNotice: `The server stopped playing the file: ${error}. Choose another source.`,
      });
    }
    if (!this.options) return;
    const wanted = inputSource !== null && same(inputSource, this.options.inputSource);
    if (wanted && this.source?.stream.getTracks().length) void this.open(this.options);
    this.settle();
  }

  /** Shows what the server plays, unless it has yet to answer a request for something else. */
  settle(): void {
    if (!this.options || this.destination.requested()) return;
    this.options = { ...this.options, inputSource: this.played };
    this.state.update({ inputSource: this.played });
  }

  private async open(options: SourceOptions): Promise<void> {
    const signal = this.latest.start();
    try {
      const source = await openSource(options);
      if (signal.aborted) return source.close();
      const [before, played] = [this.source, this.inputSource];
      this.options = options;
      this.take(source);
      await this.destination.replace(source.stream);
      before?.close();
      if (played && !options.inputSource && !signal.aborted) this.request(options);
    } catch (error) {
      if (signal.aborted) return;
      this.state.update({ sourceNotice: sentence(error) });
      this.settle();
    }
  }

  private take(source: Source): void {
    this.source = source;
    source.onStamp = this.destination.onStamp;
    source.onEnded = (sentence) => this.state.update({ sourceNotice: sentence });
    this.enable(source.stream.getAudioTracks(), this.options?.audio ?? false);
    this.state.update({ inputStream: source.stream, player: source.player, sourceNotice: null });
  }

  private enable(tracks: MediaStreamTrack[], on: boolean): void {
    for (const track of tracks) track.enabled = on;
    this.state.update({ audioOn: on && tracks.length > 0 });
  }

  private request(options: SourceOptions): void {
    this.options = options;
    this.state.update({ sourceNotice: null });
    this.destination.request(options.inputSource);
  }
}
