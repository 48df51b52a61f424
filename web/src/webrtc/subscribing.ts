/** Says to the server what to receive: at once when nothing was said for a while, and then at a bearable pace. */

import type { Tile } from "../protocol/messages";

export type Subscription = { readonly tiles: readonly Tile[]; readonly audio: boolean };

/** A window that is being resized changes its tiles with every frame. Higher: pictures get sharp later. */
const PAUSE_MS = 200;
/** The server looks at no more. The least important ones come last. */
const TILES_MAX = 64;

export type Subscribing = {
  /** `isUrgent` for what a switch from one way to the other waits for. */
  readonly want: (subscription: Subscription, isUrgent: boolean) => void;
  /** What was said may have been lost. */
  readonly repeat: () => void;
  readonly stop: () => void;
};

export function subscribing(say: (subscription: Subscription) => void): Subscribing {
  let wanted: Subscription | undefined;
  let said: Subscription | undefined;
  let saidAt = -Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function sayNow(): void {
    clearTimeout(timer);
    timer = undefined;
    if (!wanted) return;
    said = wanted;
    saidAt = performance.now();
    say(wanted);
  }

  return {
    want({ tiles, audio }, isUrgent) {
      wanted = { tiles: tiles.slice(0, TILES_MAX), audio };
      if (said && isSame(said, wanted)) {
        clearTimeout(timer);
        timer = undefined;
        return;
      }
      const waitMs = isUrgent ? 0 : saidAt + PAUSE_MS - performance.now();
      if (waitMs <= 0) sayNow();
      else timer ??= setTimeout(sayNow, waitMs);
    },
    repeat: sayNow,
    stop() {
      clearTimeout(timer);
      wanted = undefined;
    },
  };
}

function isSame(one: Subscription, other: Subscription): boolean {
  if (one.audio !== other.audio || one.tiles.length !== other.tiles.length) return false;
  return one.tiles.every(({ participant, source, height }, index) => {
    const it = other.tiles[index];
    return it?.participant === participant && it.source === source && it.height === height;
  });
}
