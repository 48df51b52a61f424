/** What the page hears from its browser. */

import type { Dispatch } from "../app/message";
import type { Model } from "../app/model";
import type { PictureLimits, Tile } from "../protocol/messages";
import { floatingTile } from "../app/floating";
import { meaningOf } from "../app/shortcuts";
import { pictureLimits, UNLIMITED, wantedTiles } from "../app/stage";
import { subscriptions, type Subscription } from "../app/subscriptions";
import { watchDevices } from "../webrtc/devices";
import { levels } from "./levels";
import type { Media } from "./media";
import type { Session } from "./session";
import { keepAwake } from "./wakeLock";

/** Listens for as long as the page lives. */
export function listen(dispatch: Dispatch, model: () => Model): void {
  window.addEventListener("popstate", () => dispatch({ type: "addressChanged", path: location.pathname }));
  document.addEventListener("visibilitychange", () => dispatch({ type: document.hidden ? "pageHidden" : "pageShown" }));
  document.addEventListener("fullscreenchange", () =>
    dispatch({ type: "fullScreenChanged", fullScreen: document.fullscreenElement !== null }),
  );
  window.addEventListener("keydown", (event) => {
    if (event.repeat || event.altKey) return;
    const press = { key: event.key, mod: event.ctrlKey || event.metaKey };
    const message = meaningOf(press, isTyping(event.target), model());
    if (message === null) return;
    event.preventDefault();
    dispatch(message);
  });
  listenForTalk(dispatch, model);
  watchDevices(() => dispatch({ type: "deviceListChanged" }));
}

/** The space bar: held, one talks. On what it presses or types into it does that instead. */
function listenForTalk(dispatch: Dispatch, model: () => Model): void {
  const isTalkHeld = (): boolean => {
    const { page } = model();
    return page.page === "room" && page.isTalkHeld;
  };
  window.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey || usesSpace(event.target)) return;
    const { page, dialog, settings } = model();
    if (page.page !== "room" || dialog !== null || !settings.letterShortcuts) return;
    event.preventDefault();
    if (!event.repeat) dispatch({ type: "talkKeyPressed" });
  });
  window.addEventListener("keyup", (event) => {
    if (event.key === " " && isTalkHeld()) dispatch({ type: "talkKeyReleased" });
  });
  // A window that is not in front is not told that a key was let go.
  window.addEventListener("blur", () => isTalkHeld() && dispatch({ type: "talkKeyReleased" }));
}

function usesSpace(target: EventTarget | null): boolean {
  const selector = "button, a, input, select, textarea, summary, dialog, [role=region], [contenteditable]";
  return target instanceof Element && target.closest(selector) !== null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input:not([type=checkbox]), select, textarea") !== null;
}

/** Higher: the speaking mark comes late; lower: it costs more than it shows. */
const LEVELS_MS = 100;
const STATS_MS = 1000;
/** For the signs on the tiles. Lower costs more than it shows. */
const QUALITY_MS = 3000;

/** Returns how to follow the model's subscriptions: each is begun and ended as it comes and goes. */
export function subscriber(dispatch: Dispatch, media: Media, session: Session): (model: Model) => void {
  const running = new Map<Subscription, () => void>();
  const begin: Record<Subscription, () => () => void> = {
    levels: () => {
      const meter = levels(media);
      const stop = every(LEVELS_MS, () => dispatch({ type: "levelsMeasured", ...meter.measure() }));
      return () => {
        stop();
        meter.close();
      };
    },
    stats: () => {
      session.collectStats();
      return every(STATS_MS, session.collectStats);
    },
    quality: () => every(QUALITY_MS, session.collectStats),
    wakeLock: keepAwake,
  };

  let tiles: readonly Tile[] = [];
  let limits: PictureLimits = UNLIMITED;

  return (model) => {
    const { page, isFloating } = model;
    const shown = wantedTiles(model, isFloating && page.page === "room" ? floatingTile(page) : undefined);
    if (JSON.stringify(shown) !== JSON.stringify(tiles)) {
      tiles = shown;
      session.setTiles(tiles);
    }
    if (pictureLimits(model.settings) !== limits) {
      limits = pictureLimits(model.settings);
      session.limitPictures(limits);
    }
    const wanted = subscriptions(model);
    for (const [name, end] of running) {
      if (wanted.includes(name)) continue;
      end();
      running.delete(name);
    }
    for (const name of wanted) if (!running.has(name)) running.set(name, begin[name]());
  };
}

function every(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
}
