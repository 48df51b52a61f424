/** When to try again (full jitter, so that a restarted server is not met by everyone at once). */

/** Lower: a blip is over sooner, and a server that cannot answer is asked more often. */
const SHORTEST_MS = 250;
/** Higher: kinder to a server that is down, slower to notice that it, or the network, is back. */
const LONGEST_MS = 1_500;

/** Returns the time to wait before attempt number `attempt` (from 1). `random` gives numbers from 0 to 1. */
export function retryDelay(attempt: number, random: () => number): number {
  const longest = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(SHORTEST_MS + random() * (longest - SHORTEST_MS));
}

/** Lower: back sooner, and more who ask a server that is not there yet. */
const RESTART_SHORTEST_MS = 50;
/** Lower: back sooner, and more who come in the same millisecond. */
const RESTART_LONGEST_MS = 350;
/** So often a server that restarts is awaited, some six seconds. Beyond, it is tried as after any other loss. */
export const RESTART_ATTEMPTS_MAX = 30;

/** Returns the time to wait before an attempt while a server restarts that said so: it is back at any moment. */
export function restartDelay(random: () => number): number {
  return Math.round(RESTART_SHORTEST_MS + random() * (RESTART_LONGEST_MS - RESTART_SHORTEST_MS));
}
