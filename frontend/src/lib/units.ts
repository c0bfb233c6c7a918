/** What is not known is a dash, never 0. */
const UNKNOWN = "–";

export function percent(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value > 0 && value < 9.95 ? `${value.toFixed(1)} %` : `${Math.round(value)} %`;
}

/** Of files: in steps of 1000. */
export function bytes(value: number | null): string {
  return scaled(value, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

/** Of memory: in steps of 1024. */
export function memory(value: number | null): string {
  return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

function scaled(value: number | null, step: number, units: string[]): string {
  if (value === null) return UNKNOWN;
  let place = 0;
  let rest = value;
  while (rest >= step && place < units.length - 1) {
    rest /= step;
    place++;
  }
  return `${place > 0 && rest < 99.95 ? rest.toFixed(1) : Math.round(rest)} ${units[place] ?? ""}`;
}

/** Of the memory that there is, how much is used. */
export function share(used: number | null, total: number | null): string {
  return used === null && total === null ? UNKNOWN : `${memory(used)} of ${memory(total)}`;
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
