/** What is not known is a dash, never 0. */
const UNKNOWN = "–";

export function frames(value: number | null): string {
  return value === null ? UNKNOWN : value.toFixed(1);
}

export function milliseconds(value: number | null): string {
  return value === null ? UNKNOWN : `${Math.round(value)} ms`;
}

export function bitrate(bps: number | null): string {
  if (bps === null) return UNKNOWN;
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(2)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

export function text(value: string | null): string {
  return value ?? UNKNOWN;
}
