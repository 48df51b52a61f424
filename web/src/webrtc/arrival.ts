/** Whether what is expected of a peer arrives by one way, told from counts that grow. */

import type { DeviceKind } from "./devices";

export type Sight = {
  /** By a clock that does not jump. */
  readonly atMs: number;
  /** Whether the way stands at all. */
  readonly isUp: boolean;
  readonly expected: Readonly<Record<DeviceKind, boolean>>;
  /** Counts that grow as long as sound and pictures arrive, and of what: with another origin a count begins anew. */
  readonly counts: Readonly<Record<DeviceKind, Count | undefined>>;
};

export type Count = { readonly origin: string; readonly count: number };

export type Arrival = {
  readonly saw: (sight: Sight) => void;
  /** All that is expected arrives. */
  readonly delivers: () => boolean;
  /** For how long something has been missing. */
  readonly lacksForMs: () => number;
};

/**
 * What did not grow for so long has stopped. Speech in silence is a packet each 400 ms; a camera in the dark gives few pictures.
 * Lower: what is slow counts as missing.
 */
const FRESH_MS: Readonly<Record<DeviceKind, number>> = { mic: 1_000, cam: 500 };
/** Nor does anything stop for being looked at seldom. */
const FRESH_LOOKS = 2.5;
/** What came for so long goes on coming. Higher: changes are later; lower: a way that begins by stuttering is shown doing so. */
const STEADY_MS = 300;

const PLACES = ["mic", "cam"] as const;

/** Begins at `atMs`, with everything missing. */
export function arrival(atMs: number): Arrival {
  const before: Partial<Record<DeviceKind, Count>> = {};
  const grewAt: Record<DeviceKind, number> = { mic: -Infinity, cam: -Infinity };
  let lackingSince: number | undefined = atMs;
  let wholeSince: number | undefined;
  let lastSight = atMs;

  function note(place: DeviceKind, now: Count | undefined, atMs: number): void {
    const former = before[place];
    if (now) before[place] = now;
    else delete before[place];
    if (now === undefined || former?.origin !== now.origin) grewAt[place] = -Infinity;
    else if (now.count > former.count) grewAt[place] = atMs;
  }

  return {
    saw({ atMs, isUp, expected, counts }) {
      const enoughMs = (atMs - lastSight) * FRESH_LOOKS;
      lastSight = atMs;
      for (const place of PLACES) note(place, counts[place], atMs);
      const isFresh = (place: DeviceKind): boolean => atMs - grewAt[place] <= Math.max(FRESH_MS[place], enoughMs);
      const isWhole = isUp && PLACES.every((place) => !expected[place] || isFresh(place));
      wholeSince = isWhole ? (wholeSince ?? atMs) : undefined;
      const isSteady = wholeSince !== undefined && atMs - wholeSince >= STEADY_MS;
      lackingSince = isSteady ? undefined : (lackingSince ?? atMs);
    },
    delivers: () => lackingSince === undefined,
    lacksForMs: () => (lackingSince === undefined ? 0 : lastSight - lackingSince),
  };
}
