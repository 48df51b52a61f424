/** When to try again (full jitter, so that a restarted server is not met by everyone at once). */

/** Lower: a blip is over sooner, and a server that cannot answer is asked more often. */
const SHORTEST_MS = 250;
/** Higher: kinder to a server that is down, slower to notice that it is back. */
const LONGEST_MS = 5_000;

/** Returns the time to wait before attempt number `attempt` (from 1). `random` gives numbers from 0 to 1. */
export function retryDelay(attempt: number, random: () => number): number {
  const longest = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(SHORTEST_MS + random() * (longest - SHORTEST_MS));
}
