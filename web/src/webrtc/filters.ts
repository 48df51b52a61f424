/** What may be put over the own sound and picture before anyone has them. Each filter is fetched when it is first used. */

import type { Background } from "./types";

/** A track under a filter, and how to take the filter away. The device's own track is left open. */
export type Filtered = { readonly track: MediaStreamTrack; readonly end: () => void };

/** Puts itself over a track. Rejects where the browser cannot do it. The same filter is the same function. */
export type Filter = (track: MediaStreamTrack) => Promise<Filtered>;

/** Takes out of a voice's sound what is no voice. */
export const noiseFilter: Filter = async (track) => (await import("./noise")).withoutNoise(track);

let last: { readonly background: Background; readonly filter: Filter } | undefined;

/** Returns what puts a background behind a person, if anything is to be put there. */
export function backgroundFilter(background: Background): Filter | null {
  if (background === "none") return null;
  if (last?.background !== background) {
    last = { background, filter: async (track) => (await import("./background")).withBackground(track, background) };
  }
  return last.filter;
}
