const FIRST_MS = 500;
const LIMIT_MS = 8000;
/** Pages that lost the same server must not all come back at the same moment. */
const JITTER = 0.2;

/** How long to wait before this attempt, counted from 1; at least as long as the server asked for. */
export function backoffMs(attempt: number, retryAfterS: number | null, random = Math.random()): number {
  const own = Math.min(FIRST_MS * 2 ** (attempt - 1), LIMIT_MS);
  return Math.max(own, (retryAfterS ?? 0) * 1000) * (1 + JITTER * random);
}
