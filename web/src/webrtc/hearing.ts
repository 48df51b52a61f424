/**
 * Notices that a link which stands brings nothing of what the peer sends, and says how to mend it. A browser may be deaf
 * to another while both call themselves connected: then neither ICE nor DTLS will ever complain.
 */

import type { Place } from "./senders";

/** One look at a link. */
export type Look = {
  /** By a clock that does not jump. */
  readonly atMs: number;
  /** Whether the link stands and both ends agree; otherwise others are at work on it. */
  readonly isUp: boolean;
  /** What the peer says that it sends. */
  readonly expected: Readonly<Record<Place, boolean>>;
  /** Counts that grow as long as sound and pictures arrive. */
  readonly heard: Readonly<Record<Place, number>>;
};

export type Remedy = "restartIce" | "renew";

/** What is known of one peer from link to link, so that a silence that no link mends is borne ever longer. */
export type Hearing = {
  /** Takes a look into account, and returns what to do now, if anything. */
  readonly looked: (look: Look) => Remedy | undefined;
};

/** How often to look. Two looks between which nothing came are no accident; more often would only cost more. */
export const LOOK_EVERY_MS = 2_000;
/** A look that is later says nothing: timers were throttled or the machine slept. */
const LATE_MS = 2 * LOOK_EVERY_MS;
/** Lower: a lost picture's own repair is taken for deafness. Higher: a person asks "can you hear me?" first. */
const PATIENCE_MS = 4_000;
/** A peer may say that it sends and have nothing to send: then the patience doubles after each renewal, up to this. */
const PATIENCE_MS_MAX = 300_000;
/** Media that flow this long are taken to be well, and the patience is as at first. */
const WELL_AFTER_MS = 10_000;

const PLACES = ["mic", "cam"] as const;

export function hearing(): Hearing {
  let before: Look | undefined;
  let silentMs = 0;
  let flowingMs = 0;
  let remedies = 0;

  /** An ICE restart first, for it disturbs nothing; then another link. Then both again, more patiently. */
  function remedy(): Remedy | undefined {
    const patienceMs = Math.min(PATIENCE_MS_MAX, PATIENCE_MS * 2 ** Math.floor(remedies / 2));
    if (silentMs < patienceMs) return undefined;
    silentMs = 0;
    remedies += 1;
    return remedies % 2 === 1 ? "restartIce" : "renew";
  }

  return {
    looked(look) {
      const former = before;
      before = look;
      const sinceMs = former ? look.atMs - former.atMs : Infinity;
      const awaited = PLACES.filter((place) => former?.expected[place] && look.expected[place]);
      if (!former?.isUp || !look.isUp || sinceMs > LATE_MS || awaited.length === 0) {
        silentMs = flowingMs = 0;
        return undefined;
      }
      if (awaited.every((place) => look.heard[place] > former.heard[place])) {
        silentMs = 0;
        flowingMs += sinceMs;
        if (flowingMs >= WELL_AFTER_MS) remedies = 0;
        return undefined;
      }
      flowingMs = 0;
      silentMs += sinceMs;
      return remedy();
    },
  };
}
