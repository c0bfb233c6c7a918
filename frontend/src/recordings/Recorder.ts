import { deleteRecording, recordings, startRecording, stopRecording } from "../lib/api";
import { sentence } from "../lib/format";
import { ApiError } from "../lib/http";
import { Store } from "../lib/store";
import type { Recording, RecordingMessage, RecordingStatus } from "../types/figures";
import { Poller } from "../lib/Poller";

/** While this page records nothing, only other clients change the list. */
const EVERY_MS = 2000;
const FAILED = "The recording ended early; what was written is kept.";

export interface RecorderSnapshot {
  /** Of this page's session; null if it was never recorded. */
  status: RecordingStatus | null;
  /** Null until known. */
  recordings: Recording[] | null;
  /** A request to start or stop is under way. */
  busy: boolean;
  /** Why the last request failed. */
  sentence: string | null;
  /** Why the list is missing or out of date. */
  listSentence: string | null;
}

/** Records this page's session, and lists the recordings on the server. */
export class Recorder extends Store<RecorderSnapshot> {
  private session: string | null = null;
  private person: string | null = null;
  private readonly poller = new Poller(EVERY_MS, (signal) => this.read(signal));

  constructor() {
    super({ status: null, recordings: null, busy: false, sentence: null, listSentence: null });
  }

  /** Starts watching the list; returns a function that stops it. */
  readonly watch = (): (() => void) => this.poller.watch();

  /** Switches to this session. A recording that is already running is found in the list. */
  follow(session: string | null): void {
    if (session === this.session) return;
    this.session = session;
    this.update({ status: session === null ? this.ended() : null });
    this.poller.now();
  }

  /** Forgets what it knows from another person. */
  showTo(person: string): void {
    if (this.person !== null && person !== this.person) {
      this.update({ status: null, recordings: null, sentence: null, listSentence: null });
    }
    this.person = person;
  }

  readonly start = (input: boolean): Promise<void> =>
    this.request(async (session) => {
      const id = await startRecording(session, input);
      if (session !== this.session || this.getSnapshot().status?.id === id) return;
      this.update({ status: { active: true, id, seconds: 0, bytes: 0, sentence: null } });
    });

  readonly stop = (): Promise<void> =>
    this.request(async (session) => {
      await stopRecording(session);
      const { status } = this.getSnapshot();
      if (session === this.session && status) this.update({ status: { ...status, active: false } });
    });

  readonly remove = async (id: string): Promise<void> => {
    try {
      await deleteRecording(id);
      this.forget(id);
      this.update({ sentence: null });
    } catch (error) {
      // Another client deleted it first.
      if (error instanceof ApiError && error.status === 404) this.forget(id);
      else this.update({ sentence: `Could not delete the recording: ${sentence(error)}` });
    }
  };

  /** Takes a message from the data channel. */
  onMessage(message: RecordingMessage): void {
    const { status } = this.getSnapshot();
    const before = status?.id === message.id ? status : null;
    this.update({
      status: {
        active: message.state === "started" || message.state === "running",
        id: message.id,
        seconds: message.seconds ?? before?.seconds ?? 0,
        bytes: message.bytes ?? before?.bytes ?? 0,
        sentence: message.state === "failed" ? (message.sentence ?? FAILED) : null,
      },
    });
    if (message.state !== "running") this.poller.now();
  }

  private async request(act: (session: string) => Promise<void>): Promise<void> {
    const { session } = this;
    if (session === null) {
      return this.update({ sentence: "There is no stream to record; press Start first." });
    }
    this.update({ busy: true, sentence: null });
    try {
      await act(session);
      this.poller.now();
    } catch (error) {
      this.update({ sentence: sentence(error) });
    }
    this.update({ busy: false });
  }

  private async read(signal: AbortSignal): Promise<void> {
    try {
      const list = await recordings(signal);
      if (signal.aborted) return;
      const newestFirst = [...list].sort((one, other) => other.started.localeCompare(one.started));
      this.update({ recordings: newestFirst, status: this.statusOf(newestFirst), listSentence: null });
    } catch (error) {
      if (!signal.aborted) this.update({ listSentence: sentence(error) });
    }
  }

  /** The list also has what the data channel did not report, such as after a reload of the page. */
  private statusOf(list: Recording[]): RecordingStatus | null {
    const { status } = this.getSnapshot();
    const { session } = this;
    const running = list.find(
      ({ state, sessions }) => state === "recording" && session !== null && sessions.includes(session),
    );
    if (running) {
      const { id, seconds, bytes } = running;
      const newer = status?.id === id && status.seconds > seconds ? status : { seconds, bytes };
      return { active: true, id, seconds: newer.seconds, bytes: newer.bytes, sentence: null };
    }
    const over = list.find((recording) => recording.id === status?.id);
    if (!status || !over) return status;
    const sentence = over.state === "finished" ? null : (over.sentence ?? FAILED);
    return { ...status, active: false, seconds: over.seconds, bytes: over.bytes, sentence };
  }

  private ended(): RecordingStatus | null {
    const { status } = this.getSnapshot();
    return status && { ...status, active: false };
  }

  private forget(id: string): void {
    const { recordings, status } = this.getSnapshot();
    this.update({
      recordings: recordings?.filter((recording) => recording.id !== id) ?? null,
      status: status?.id === id ? null : status,
    });
  }
}
