const FIRST_MS = 500;
const LIMIT_MS = 8000;
/** Many pages that lost the same server must not all come back in the same moment. */
const JITTER = 0.2;

/** How long to wait before try `attempt` (from 1); the server's own wish is the least. */
export function backoffMs(attempt: number, retryAfterS: number | null, random = Math.random()): number {
  const own = Math.min(FIRST_MS * 2 ** (attempt - 1), LIMIT_MS);
  return Math.max(own, (retryAfterS ?? 0) * 1000) * (1 + JITTER * random);
}
