import type { Delay, Metrics } from "../types/stream";

type Parts = Pick<Metrics, "roundTripMs" | "serverLatencyMs" | "bufferMs" | "decodeMs">;

/**
 * From a frame's drawing to its return: read from its stamp, or else the sum of the parts that are known.
 * An estimate leaves out the camera, the browser's encoder and the screen. Null where a part is missing.
 */
export function delayOf(measuredMs: number | null, parts: Parts): Delay | null {
  if (measuredMs !== null) return { ms: measuredMs, origin: "measured" };
  const { roundTripMs, serverLatencyMs, bufferMs, decodeMs } = parts;
  if (roundTripMs === null || serverLatencyMs === null || bufferMs === null || decodeMs === null) return null;
  return { ms: roundTripMs + serverLatencyMs + bufferMs + decodeMs, origin: "estimated" };
}
