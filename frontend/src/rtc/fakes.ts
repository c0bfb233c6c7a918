import { afterEach, beforeEach, expect, vi } from "vitest";

import type { StartOptions } from "../types/stream";
import { Session } from "./Session";

/** A peer connection whose state and channel the test controls. */
export class FakePeer {
  static all: FakePeer[] = [];
  static get newest(): FakePeer {
    return FakePeer.all[FakePeer.all.length - 1] as FakePeer;
  }
  connectionState: RTCPeerConnectionState = "new";
  localDescription = { sdp: "offer" };
  closed = false;
  channel = {
    readyState: "open",
    sent: [] as string[],
    onopen: null as (() => void) | null,
    onmessage: null as ((event: { data: string }) => void) | null,
    send(text: string) {
      this.sent.push(text);
    },
  };
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: object) => void) | null = null;
  frames = 0;
  figures: object[] = [];
  private readonly track = { kind: "video", onunmute: null as (() => void) | null };

  constructor() {
    FakePeer.all.push(this);
  }
  createDataChannel = () => this.channel;
  senders: { kind: string; track: { kind: string } | null }[] = [];
  addTransceiver = (sent: string | { kind: string }) => {
    this.senders.push(
      typeof sent === "string" ? { kind: sent, track: null } : { kind: sent.kind, track: sent },
    );
    return {};
  };
  getTransceivers = () =>
    this.senders.map((sender) => ({
      receiver: { track: { kind: sender.kind } },
      sender: {
        replaceTrack: (track: { kind: string } | null) => {
          sender.track = track;
          return Promise.resolve();
        },
      },
    }));
  setLocalDescription = () => Promise.resolve();
  setRemoteDescription = () => {
    const stats = () =>
      Promise.resolve(new Map([["in", { type: "inbound-rtp", framesReceived: this.frames }]]));
    this.ontrack?.({ track: this.track, receiver: { getStats: stats } });
    return Promise.resolve();
  };
  getStats = () => Promise.resolve(new Map(this.figures.map((entry, at) => [at, entry])));
  close = () => (this.closed = true);

  become(state: RTCPeerConnectionState) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  deliver() {
    this.become("connected");
    this.frames++;
    this.track.onunmute?.();
  }
  say(message: object) {
    this.channel.onmessage?.({ data: JSON.stringify(message) });
  }
}

export const OPTIONS: StartOptions = {
  source: "pattern",
  deviceId: null,
  microphoneId: null,
  resolution: "640x480",
  frameRate: 30,
  file: null,
  inputSource: null,
  audio: false,
  measureDelay: true,
  codec: "auto",
  pipelineId: "echo",
  parameters: {},
};

/** What the page asked the server, and what the server answers next. */
export const server = {
  requests: [] as { method: string; path: string; body: string }[],
  answers: [] as (() => Response)[],
  /** Where the client stands in the waiting line, one after the other. */
  places: [] as object[],
};

/** Replaces the server and the peer connection with ones that the test controls. */
export function fakeServer(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    server.requests = [];
    server.answers = [];
    server.places = [];
    FakePeer.all = [];
    vi.stubGlobal("RTCPeerConnection", FakePeer);
    vi.stubGlobal(
      "MediaStream",
      class {
        addTrack() {}
      },
    );
    vi.stubGlobal("requestAnimationFrame", (callback: () => void) => setTimeout(callback, 16));
    vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
      server.requests.push({ method: init.method ?? "GET", path, body: String(init.body ?? "") });
      if (path.endsWith("ice-servers")) return Promise.resolve(Response.json({ iceServers: [] }));
      if (path.startsWith("/api/v1/waiting/") && init.method === "GET") {
        return Promise.resolve(Response.json(server.places.shift()));
      }
      if (init.method === "POST") return Promise.resolve((server.answers.shift() ?? (() => accepted()))());
      return Promise.resolve(new Response(null, { status: 204 }));
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
}

export function accepted(session = "s1", resumed = false) {
  return Response.json({
    sdp: "answer",
    type: "answer",
    sessionId: session,
    resumeToken: `token of ${session}`,
    resumed,
  });
}

export const offers = () => server.requests.filter((request) => request.method === "POST");
export const lastOffer = () => JSON.parse(offers().at(-1)?.body ?? "") as Record<string, unknown>;
export const ended = () =>
  server.requests.filter((request) => request.method === "DELETE").map((request) => request.path);

export async function live(options: Partial<StartOptions> = {}): Promise<Session> {
  const session = new Session();
  await session.start({ ...OPTIONS, ...options });
  FakePeer.newest.become("connected");
  expect(session.getSnapshot()).toMatchObject({ phase: "live", sessionId: "s1" });
  return session;
}
