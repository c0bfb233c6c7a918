import { Smoother } from "./Smoother";
import * as api from "../lib/api";
import type { ServerMessage } from "../types/api";
import type { CodecChoice, Values } from "../types/stream";

export interface ConnectionEvents {
  /** The first packet of a picture has come. */
  onPicture: () => void;
  onState: (state: RTCPeerConnectionState) => void;
  onMessage: (message: ServerMessage) => void;
  /** The data channel takes messages. */
  onOpen: () => void;
}

/** What goes over a connection. */
export interface Media {
  stream: MediaStream;
  /** Of a picture that `stream` has no track of. */
  direction: RTCRtpTransceiverDirection;
  codec: CodecChoice;
}

/** One peer connection with the server, from its offer to its end. */
export class Connection {
  readonly peer: RTCPeerConnection;
  /** The returned tracks. */
  readonly output = new MediaStream();
  sessionId: string | null = null;
  hasPicture = false;
  /** The server has ended the session, or given it to another connection. */
  over = false;
  private readonly channel: RTCDataChannel;
  private receiver: RTCRtpReceiver | null = null;
  private readonly smoother = new Smoother();
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
        // There is none to play, and to keep in step with, before some comes.
        track.onunmute = () => this.output.addTrack(track);
        return;
      }
      this.output.addTrack(track);
      this.receiver = receiver;
      track.onunmute = () => {
        this.hasPicture = true;
        events.onPicture();
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
    // A place for sound that is turned on later.
    if (stream.getAudioTracks().length === 0) this.peer.addTransceiver("audio", { direction: "sendrecv" });
  }

  /** Sends the tracks of another source from here on; what it has no track for falls silent. */
  async replace(stream: MediaStream): Promise<void> {
    for (const { sender, receiver } of this.peer.getTransceivers()) {
      const track = stream.getTracks().find((candidate) => candidate.kind === receiver.track.kind);
      await sender.replaceTrack(track ?? null);
    }
  }

  /** Sends the offer at once and takes the answer; candidates follow as they are found. */
  async open(parameters: Values, resumeToken: string | null): Promise<api.Answer> {
    await this.peer.setLocalDescription();
    const answer = await api.offer(this.peer.localDescription?.sdp ?? "", parameters, resumeToken);
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

  /** Pictures received so far, looked at once in a while; null where the browser does not say. */
  async framesReceived(): Promise<number | null> {
    const report = await this.receiver?.getStats().catch(() => null);
    const entries = [...((report?.values() ?? []) as Iterable<Record<string, unknown>>)];
    const roundTrip = entries.find((entry) => typeof entry["currentRoundTripTime"] === "number");
    const roundTripMs = roundTrip ? (roundTrip["currentRoundTripTime"] as number) * 1000 : null;
    for (const entry of entries) {
      if (entry["type"] !== "inbound-rtp") continue;
      if (this.receiver && typeof entry["nackCount"] === "number") {
        this.smoother.adapt(this.receiver, entry["nackCount"], roundTripMs);
      }
      const frames = entry["framesReceived"] ?? entry["framesDecoded"];
      return typeof frames === "number" ? frames : null;
    }
    return null;
  }

  /** There is nothing left to end on the server. */
  forgetSession(): void {
    this.over = true;
  }

  /** Sends a flat object on the data channel; false where it is not open. */
  send(values: Values): boolean {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(values));
    return true;
  }

  /** Ends it on both sides. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.peer.close();
    // The server notices by itself when this does not arrive.
    if (this.sessionId && !this.over) void api.closeSession(this.sessionId).catch(() => undefined);
  }

  private trickle(candidate: RTCIceCandidate | null): void {
    const init: RTCIceCandidateInit = candidate?.toJSON() ?? { candidate: "", sdpMid: "0", sdpMLineIndex: 0 };
    if (this.sessionId === null) this.waiting.push(init);
    else this.patch([init]);
  }

  private patch(candidates: RTCIceCandidateInit[]): void {
    if (!this.sessionId || candidates.length === 0) return;
    // A lost candidate is one path less; the connection's state tells when none is left.
    void api.addCandidates(this.sessionId, candidates).catch(() => undefined);
  }
}

/** Moves the chosen codec to the front; what belongs to it (rtx, red) stays behind it. */
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
