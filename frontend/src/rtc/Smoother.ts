/** Two requests for a packet, the first of which may get lost, and the time until the gap is seen. */
const ROUND_TRIPS = 2;
const NOTICED_MS = 50;
/** Longest wait that is asked for: past it the delay hurts more than a picture that is missing. */
const LONGEST_MS = 400;
/** Where the round trip is not known: one to a server on the same continent. */
const TYPICAL_ROUND_TRIP_MS = 50;
/** Without a request for a packet for so long, the link is taken for a good one again. */
const CALM_MS = 10_000;

/**
 * Lets pictures wait in the browser's jitter buffer while packets have to be sent again, so that they come evenly and
 * none is skipped; on a good link it costs no delay (W3C `RTCRtpReceiver.jitterBufferTarget`).
 */
export class Smoother {
  private nacks = 0;
  private askedAt: number | null = null;

  /** `nackCount` of the stream that comes in; sets the receiver's target where that changes. */
  adapt(
    receiver: { jitterBufferTarget?: number | null },
    nackCount: number,
    roundTripMs: number | null,
    now = performance.now(),
  ): void {
    if (nackCount > this.nacks) this.askedAt = now;
    this.nacks = nackCount;
    if (!("jitterBufferTarget" in receiver)) return;
    if (this.askedAt === null || now - this.askedAt >= CALM_MS) {
      if (receiver.jitterBufferTarget !== null) receiver.jitterBufferTarget = null;
      return;
    }
    const wait = Math.min(LONGEST_MS, ROUND_TRIPS * (roundTripMs ?? TYPICAL_ROUND_TRIP_MS) + NOTICED_MS);
    // A change makes the browser skip or hold pictures.
    if (Math.abs((receiver.jitterBufferTarget ?? 0) - wait) > wait / 4) receiver.jitterBufferTarget = wait;
  }
}
