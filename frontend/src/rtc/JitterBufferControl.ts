/** Two round trips, since the first NACK may be lost, and the time until the gap is noticed. */
const ROUND_TRIPS = 2;
const NOTICED_MS = 50;
/** The longest target: beyond it delay hurts more than a missing frame. */
const LONGEST_MS = 400;
/** If the round trip is unknown: one to a server on the same continent. */
const TYPICAL_ROUND_TRIP_MS = 50;
/** After this long without a NACK the link counts as good again. */
const CALM_MS = 10_000;

/**
 * Raises the target of the browser's jitter buffer while packets are retransmitted, so that frames play evenly and none
 * is skipped; on a good link it adds no delay (W3C `RTCRtpReceiver.jitterBufferTarget`).
 */
export class JitterBufferControl {
  private nacks = 0;
  private nackAt: number | null = null;

  /** Takes the `nackCount` of the incoming stream; sets the receiver's target if it changes. */
  adapt(
    receiver: { jitterBufferTarget?: number | null },
    nackCount: number,
    roundTripMs: number | null,
    now = performance.now(),
  ): void {
    if (nackCount > this.nacks) this.nackAt = now;
    this.nacks = nackCount;
    if (!("jitterBufferTarget" in receiver)) return;
    if (this.nackAt === null || now - this.nackAt >= CALM_MS) {
      if (receiver.jitterBufferTarget !== null) receiver.jitterBufferTarget = null;
      return;
    }
    const wait = Math.min(LONGEST_MS, ROUND_TRIPS * (roundTripMs ?? TYPICAL_ROUND_TRIP_MS) + NOTICED_MS);
    // Each change makes the browser skip or repeat frames.
    if (Math.abs((receiver.jitterBufferTarget ?? 0) - wait) > wait / 4) receiver.jitterBufferTarget = wait;
  }
}
