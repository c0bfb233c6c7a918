import * as api from "../lib/api";

/** The server drops a ticket that nobody asks for within 30 s. */
const ASK_MS = 2000;

/**
 * Waits for the turn of a ticket and gives the token for the next offer. Calls `onMove` with each position asked for; 0
 * is its turn. Leaves the line, and throws the signal's reason, when `signal` is aborted.
 */
export async function waitForTurn(
  place: api.Place,
  onMove: (position: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const { ticket } = place;
  try {
    for (;;) {
      signal.throwIfAborted();
      onMove(place.position);
      if (place.token !== undefined) return place.token;
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      signal.throwIfAborted();
      place = await api.place(ticket, signal);
    }
  } catch (error) {
    if (signal.aborted) void api.leaveLine(ticket).catch(() => undefined); // the server drops it by itself
    throw error;
  }
}
