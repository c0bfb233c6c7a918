import { type Metrics, NO_METRICS } from "../types/stream";

interface Counters {
  at: number;
  sent: number;
  received: number;
  framesSent: number;
  framesDecoded: number;
  decodeS: number | null;
  bufferS: number | null;
  framesBuffered: number;
  packetsSent: number | null;
  packetsLostUp: number | null;
  packetsReceived: number | null;
  packetsLostDown: number | null;
}

/** Turns `RTCPeerConnection.getStats()` (W3C webrtc-stats) into figures of the last second. */
export class StatsReader {
  private before: Counters | null = null;

  async read(connection: RTCPeerConnection): Promise<Metrics> {
    const stats = [...(await connection.getStats()).values()] as Record<string, unknown>[];
    const one = (type: string, also: (entry: Record<string, unknown>) => boolean = () => true) =>
      stats.find((entry) => entry["type"] === type && also(entry));
    const video = (entry: Record<string, unknown>) => entry["kind"] === "video";
    const outbound = one("outbound-rtp", video);
    const inbound = one("inbound-rtp", video);
    // What the server reports about the video that it receives.
    const remote = one("remote-inbound-rtp", video);
    const transport = one("transport");
    const pair =
      one("candidate-pair", (entry) => entry["id"] === transport?.["selectedCandidatePairId"]) ??
      one("candidate-pair", (entry) => entry["nominated"] === true && entry["state"] === "succeeded");
    const now: Counters = {
      at: performance.now(),
      sent: number(pair?.["bytesSent"]) ?? 0,
      received: number(pair?.["bytesReceived"]) ?? 0,
      framesSent: number(outbound?.["framesSent"]) ?? number(outbound?.["framesEncoded"]) ?? 0,
      framesDecoded: number(inbound?.["framesDecoded"]) ?? 0,
      decodeS: number(inbound?.["totalDecodeTime"]),
      bufferS: number(inbound?.["jitterBufferDelay"]),
      framesBuffered: number(inbound?.["jitterBufferEmittedCount"]) ?? 0,
      packetsSent: number(outbound?.["packetsSent"]),
      packetsLostUp: number(remote?.["packetsLost"]),
      packetsReceived: number(inbound?.["packetsReceived"]),
      packetsLostDown: number(inbound?.["packetsLost"]),
    };
    const before = this.before;
    this.before = now;
    const codec = one("codec", (entry) => entry["id"] === inbound?.["codecId"]);
    const roundTrip = number(pair?.["currentRoundTripTime"]);
    const named = {
      ...NO_METRICS,
      roundTripMs: roundTrip === null ? null : roundTrip * 1000,
      codec: typeof codec?.["mimeType"] === "string" ? codec["mimeType"].replace("video/", "") : null,
    };
    if (!before || !pair) return named;
    const seconds = (now.at - before.at) / 1000;
    const rate = (count: (counters: Counters) => number) => Math.max(0, count(now) - count(before)) / seconds;
    const rise = (name: "packetsSent" | "packetsLostUp" | "packetsReceived" | "packetsLostDown") => {
      const [from, to] = [before[name], now[name]];
      return from === null || to === null ? null : to - from;
    };
    return {
      ...named,
      fpsIn: outbound ? rate((counters) => counters.framesSent) : null,
      fpsOut: inbound ? rate((counters) => counters.framesDecoded) : null,
      bufferMs: meanMs(now.bufferS, before.bufferS, now.framesBuffered - before.framesBuffered),
      decodeMs: meanMs(now.decodeS, before.decodeS, now.framesDecoded - before.framesDecoded),
      lossUpPercent: lossPercent(rise("packetsLostUp"), rise("packetsSent")),
      lossDownPercent: lossPercent(
        rise("packetsLostDown"),
        sum(rise("packetsReceived"), rise("packetsLostDown")),
      ),
      bitrateUpBps: rate((counters) => counters.sent) * 8,
      bitrateDownBps: rate((counters) => counters.received) * 8,
    };
  }
}

/** Milliseconds per frame; null if there was none. */
function meanMs(now: number | null, before: number | null, frames: number): number | null {
  return now === null || before === null || frames <= 0 ? null : ((now - before) / frames) * 1000;
}

/** The count of lost packets falls when a late one arrives. Null if nothing was sent. */
export function lossPercent(lost: number | null, sent: number | null): number | null {
  if (lost === null || sent === null || sent <= 0) return null;
  return Math.min(100, (Math.max(0, lost) / sent) * 100);
}

function sum(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : one + other;
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
