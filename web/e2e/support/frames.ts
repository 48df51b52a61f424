/** How a picture moves while what brings it changes, as the element shows it that people look at. */

import type { Page } from "@playwright/test";
import { tile } from "./call";

export type Frames = {
  /**
   * The time, in milliseconds, between the last frame of one track and the first of the next, less the time that the machine
   * had for nobody: for each change since the last call, unless that kept them.
   */
  readonly changesOfTrack: (options?: { readonly keep?: boolean }) => Promise<readonly number[]>;
};

/** Begins to watch the picture in the tile of `name`. */
export async function watchFrames(page: Page, name: string): Promise<Frames> {
  const changes = await tile(page, name)
    .locator("video")
    .evaluateHandle((video: HTMLVideoElement) => {
      const TICK_MS = 10;
      const found: number[] = [];
      const trackNow = (): MediaStreamTrack | undefined => (video.srcObject as MediaStream).getVideoTracks()[0];
      /** By how much the page's own clock was late since the last frame: the same machine decodes the pictures. */
      let lateness = 0;
      let due = performance.now();
      setInterval(() => {
        const now = performance.now();
        lateness = Math.max(lateness, now - due);
        due = now + TICK_MS;
      }, TICK_MS);
      let last = { at: performance.now(), track: trackNow() };
      /** The gap before the first frame after a change: that frame may still be one of the former track. */
      let atChange: number | null = null;
      const shown = (at: number): void => {
        const [gap, track] = [Math.round(at - last.at - lateness), trackNow()];
        lateness = 0;
        if (atChange !== null) found.push(Math.max(atChange, gap));
        atChange = track === last.track ? null : gap;
        last = { at, track };
        video.requestVideoFrameCallback(shown);
      };
      video.requestVideoFrameCallback(shown);
      return found;
    });
  return {
    changesOfTrack: ({ keep = false } = {}) =>
      changes.evaluate((found, isKept) => (isKept ? [...found] : found.splice(0)), keep),
  };
}
