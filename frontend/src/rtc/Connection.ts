import * as api from "../lib/api";
import type { ServerMessage } from "../types/api";
import type { CodecChoice, Values } from "../types/stream";
import { JitterBufferControl } from "./JitterBufferControl";
import { waitForTurn } from "./waitForTurn";

export interface ConnectionEvents {
  /** The first video packet has arrived. */
  onFrame: () => void;
  onState: (state: RTCPeerConnectionState) => void;
  onMessage: (message: ServerMessage) => void;
  /** The data channel is open. */
  onOpen: () => void;
}

/** What a connection sends. */
export interface Media {
  stream: MediaStream;
  /** Direction of the video m-line if `stream` has no video track. */
  direction: RTCRtpTransceiverDirection;
  codec: CodecChoice;
}

/** How a connection begins. */
export interface OpenOptions {
  parameters: Values;
  resumeToken: string | null;
  /** The server is full, and this is the place in its waiting line; 0 once it is its turn. */
  onMove: (position: number) => void;
  /** Ends the wait. */
  signal: AbortSignal;
}

/** One peer connection with the server, from its offer to its end. */
export class Connection {
  readonly peer: RTCPeerConnection;
  /** The returned tracks. */
  readonly output = new MediaStream();
  sessionId: string | null = null;
  hasFrame = false;
  /** The server has ended the session, or another connection has resumed it. */
  over = false;
  private readonly channel: RTCDataChannel;
  private receiver: RTCRtpReceiver | null = null;
  private readonly jitterBuffer = new JitterBufferControl();
  private waiting: RTCIceCandidateInit[] = [];
  private closed = false;

  constructor(servers: RTCIceServer[], { stream, direction, codec }: Media, events: ConnectionEvents) {
    this.peer = new RTCPeerConnection({ iceServers: servers });
    this.channel = this.peer.createDataChannel("parameters", { ordered: true });
    this.channel.onmessage = (event) => {
      const message = parse(event.data);
      if (message) events.onMessage(message);
    };
    this.channel.onopen = () => events.onOpen();
    this.peer.onconnectionstatechange = () => {
      if (!this.closed) events.onState(this.peer.connectionState);
    };
    this.peer.ontrack = (event) => {
      const { track, receiver } = event;
      if (track.kind !== "video") {
        // Playback would wait for a silent track: it is added once audio arrives.
        track.onunmute = () => this.output.addTrack(track);
        return;
      }
      this.output.addTrack(track);
      this.receiver = receiver;
      track.onunmute = () => {
        this.hasFrame = true;
        events.onFrame();
      };
    };
    this.peer.onicecandidate = (event) => this.trickle(event.candidate);
    for (const track of stream.getTracks()) {
      const transceiver = this.peer.addTransceiver(track, { direction: "sendrecv", streams: [stream] });
      if (track.kind === "video") prefer(transceiver, codec);
    }
    if (stream.getVideoTracks().length === 0) {
      prefer(this.peer.addTransceiver("video", { direction }), codec);
    }
    // An m-line for audio that is turned on later.
    if (stream.getAudioTracks().length === 0) this.peer.addTransceiver("audio", { direction: "sendrecv" });
  }

  /** Replaces the tracks that are sent; a kind that the new source lacks sends nothing. */
  async replace(stream: MediaStream): Promise<void> {
    for (const { sender, receiver } of this.peer.getTransceivers()) {
      const track = stream.getTracks().find((candidate) => candidate.kind === receiver.track.kind);
      await sender.replaceTrack(track ?? null);
    }
  }

  /** Sends the offer at once (trickle ICE), or once a full server lets it, and applies the answer. */
  async open({ parameters, resumeToken, onMove, signal }: OpenOptions): Promise<api.Answer> {
    await this.peer.setLocalDescription();
    const offer = (waitingToken: string | null) => {
      const sdp = this.peer.localDescription?.sdp ?? "";
      return api.offer(sdp, { initialParameters: parameters, resumeToken, waitingToken });
    };
    let answer = await offer(null);
    // A token that comes too late gets another ticket.
    while ("ticket" in answer) answer = await offer(await waitForTurn(answer, onMove, signal));
    if (this.closed) {
      if (answer.sessionId) void api.closeSession(answer.sessionId).catch(() => undefined);
      return answer;
    }
    this.sessionId = answer.sessionId;
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    const found = this.waiting;
    this.waiting = [];
    this.patch(found);
    return answer;
  }

  /** Frames received so far; null if the browser does not report them. Adapts the jitter buffer on the way. */
  async framesReceived(): Promise<number | null> {
    const report = await this.receiver?.getStats().catch(() => null);
    const entries = [...((report?.values() ?? []) as Iterable<Record<string, unknown>>)];
    const roundTrip = entries.find((entry) => typeof entry["currentRoundTripTime"] === "number");
    const roundTripMs = roundTrip ? (roundTrip["currentRoundTripTime"] as number) * 1000 : null;
    for (const entry of entries) {
      if (entry["type"] !== "inbound-rtp") continue;
      if (this.receiver && typeof entry["nackCount"] === "number") {
        this.jitterBuffer.adapt(this.receiver, entry["nackCount"], roundTripMs);
      }
      const frames = entry["framesReceived"] ?? entry["framesDecoded"];
      return typeof frames === "number" ? frames : null;
    }
    return null;
  }

  /** The server has no session left to end. */
  forgetSession(): void {
    this.over = true;
  }

  /** Sends a flat object on the data channel; false if it is not open. */
  send(values: Values): boolean {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(values));
    return true;
  }

  /** Closes the connection and ends its session; settles once the server has answered. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.peer.close();
    // If this is lost, the server notices by itself.
    if (this.sessionId && !this.over) await api.closeSession(this.sessionId).catch(() => undefined);
  }

  private trickle(candidate: RTCIceCandidate | null): void {
    const init: RTCIceCandidateInit = candidate?.toJSON() ?? { candidate: "", sdpMid: "0", sdpMLineIndex: 0 };
    if (this.sessionId === null) this.waiting.push(init);
    else this.patch([init]);
  }

  private patch(candidates: RTCIceCandidateInit[]): void {
    if (!this.sessionId || candidates.length === 0) return;
    // A lost candidate is one path fewer; the connection's state tells if none is left.
    void api.addCandidates(this.sessionId, candidates).catch(() => undefined);
  }
}

/** Offers the chosen codec only, followed by its helpers (rtx, red, FEC). */
function prefer(transceiver: RTCRtpTransceiver, codec: CodecChoice): void {
  if (codec === "auto") return;
  const known = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  if (known.length === 0 || !("setCodecPreferences" in transceiver)) return;
  const chosen = known.filter((entry) => entry.mimeType.toUpperCase() === `VIDEO/${codec}`);
  const helpers = known.filter((entry) => /rtx|red|ulpfec|flexfec/i.test(entry.mimeType));
  if (chosen.length > 0) transceiver.setCodecPreferences([...chosen, ...helpers]);
}

function parse(data: unknown): ServerMessage | null {
  if (typeof data !== "string") return null;
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === "object" && message !== null && "type" in message
      ? (message as ServerMessage)
      : null;
  } catch {
    return null;
  }
}
