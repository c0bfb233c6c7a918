/** Longest wait that is asked for: a round trip to the server and back within a continent. */
const WAIT_MS = 150;
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
  adapt(receiver: { jitterBufferTarget?: number | null }, nackCount: number, now = performance.now()): void {
    if (nackCount > this.nacks) this.askedAt = now;
    this.nacks = nackCount;
    const target = this.askedAt !== null && now - this.askedAt < CALM_MS ? WAIT_MS : null;
    if ("jitterBufferTarget" in receiver && receiver.jitterBufferTarget !== target) {
      receiver.jitterBufferTarget = target;
    }
  }
}
