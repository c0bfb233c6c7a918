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

export function percent(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value > 0 && value < 9.95 ? `${value.toFixed(1)} %` : `${Math.round(value)} %`;
}

/** In units of 1024, named as people know them. */
export function bytes(value: number | null): string {
  if (value === null) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  let rest = value;
  while (rest >= 1024 && place < units.length - 1) {
    rest /= 1024;
    place++;
  }
  return `${place > 0 && rest < 99.95 ? rest.toFixed(1) : Math.round(rest)} ${units[place] ?? ""}`;
}

/** Of what there is, how much is used. */
export function share(used: number | null, total: number | null): string {
  return used === null && total === null ? UNKNOWN : `${bytes(used)} of ${bytes(total)}`;
}

/** Minutes and seconds, with hours where there are any. */
export function duration(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${two(minutes)}:${two(whole % 60)}`;
}

/** Of milliseconds that are few: one place after the point. */
export function tenths(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value < 99.95 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function size(width: number | null, height: number | null): string {
  return width === null || height === null ? UNKNOWN : `${width} × ${height}`;
}

/** A day and a time as the reader writes them. */
export function moment(rfc3339: string): string {
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** Whether nothing in a figure's text is left open. */
export function isKnown(text: string): boolean {
  return !text.includes(UNKNOWN);
}
