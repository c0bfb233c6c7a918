/** Values as text. What is not known is a dash, never 0. */
const UNKNOWN = "–";

/** Whether no figure in the text is unknown. */
export function isKnown(text: string): boolean {
  return !text.includes(UNKNOWN);
}

export function text(value: string | null): string {
  return value ?? UNKNOWN;
}

/** Frames per second. */
export function frameRate(value: number | null): string {
  return value === null ? UNKNOWN : value.toFixed(1);
}

export function milliseconds(value: number | null): string {
  return value === null ? UNKNOWN : `${Math.round(value)} ms`;
}

/** A few milliseconds: with one decimal. */
export function tenths(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value < 99.95 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function bitrate(bps: number | null): string {
  if (bps === null) return UNKNOWN;
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(2)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

/** Of a value from 0 to 100. */
export function percent(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value > 0 && value < 9.95 ? `${value.toFixed(1)} %` : `${Math.round(value)} %`;
}

/** As on a clock: 0:07, 12:34, 1:02:03. */
export function duration(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** Size of a file: in powers of 1000. */
export function bytes(value: number | null): string {
  return scaled(value, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

/** Size of memory: in powers of 1024. */
export function memory(value: number | null): string {
  return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

/** How much of the memory is used. */
export function memoryUse(used: number | null, total: number | null): string {
  return used === null && total === null ? UNKNOWN : `${memory(used)} of ${memory(total)}`;
}

export function resolution(width: number | null, height: number | null): string {
  return width === null || height === null ? UNKNOWN : `${width} × ${height}`;
}

/** Date and time as the reader's locale writes them. */
export function moment(rfc3339: string): string {
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** What went wrong. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A server's message, which is lower case and has no full stop, as a sentence. */
export function asSentence(message: string): string {
  // A name in code as the first word, such as `noise_scale`, keeps its case.
  const begun = message.replace(
    /^[a-z]+(?=$|[ ,:;.])/,
    (word) => word.charAt(0).toUpperCase() + word.slice(1),
  );
  return begun === "" || /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/** "1 change", "2 changes". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
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
