import type { Delay, Metrics } from "../types/stream";

type Parts = Pick<Metrics, "roundTripMs" | "serverLatencyMs" | "bufferMs" | "decodeMs">;

/**
 * From drawing a frame to its return: measured by its stamp, or else estimated as the sum of the known parts. The
 * estimate leaves out the camera, the browser's encoder and the screen. Null if a part is unknown.
 */
export function delayOf(measuredMs: number | null, parts: Parts): Delay | null {
  if (measuredMs !== null) return { ms: measuredMs, origin: "measured" };
  const { roundTripMs, serverLatencyMs, bufferMs, decodeMs } = parts;
  if (roundTripMs === null || serverLatencyMs === null || bufferMs === null || decodeMs === null) return null;
  return { ms: roundTripMs + serverLatencyMs + bufferMs + decodeMs, origin: "estimated" };
}
