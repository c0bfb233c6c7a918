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

/** As on a clock: 0:07, 12:34, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function bytes(count: number): string {
  if (count < 1e6) return `${Math.round(count / 1e3)} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`;
}

export function percent(part: number | null): string {
  return part === null ? UNKNOWN : `${Math.round(part * 100)} %`;
}

/** What went wrong. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
