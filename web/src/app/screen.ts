/** Sharing the own screen. */

import type { DeviceOutcome } from "../webrtc/types";
import { announce } from "./announcement";
import type { Effect, Update } from "./effect";
import type { Model, OwnDevice, RoomPage } from "./model";
import { ownRights, screenTaker } from "./rights";

const OFF: OwnDevice = { state: "off", problem: null };

/** Asks the browser for a screen, or ends sharing it. */
export function toggleScreen(model: Model): Update {
  const { page, surroundings } = model;
  if (page.page !== "room" || !surroundings.canShareScreen || page.screen.state === "opening") return [model, []];
  if (page.screen.state === "on")
    return [{ ...model, page: { ...page, screen: OFF } }, [{ type: "setScreen", isShared: false }]];
  if (!ownRights(page).screen) return announce(model, { kind: "mayNot", device: "screen" });
  const taker = screenTaker(page);
  if (taker) return announce(model, { kind: "screenTaken", by: taker.displayName });
  // Another one is sharp first, whatever the one before was.
  const reset: Effect[] = page.screenContent === "detail" ? [] : [{ type: "setScreenContent", content: "detail" }];
  const next: RoomPage = { ...page, screen: { state: "opening" }, screenContent: "detail" };
  return [{ ...model, page: next }, [...reset, { type: "setScreen", isShared: true }]];
}

/** A screen is sharp at first, for text; for a film the person wants it to run smoothly. */
export function toggleScreenMotion(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.screen.state !== "on") return [model, []];
  const screenContent = page.screenContent === "detail" ? "motion" : "detail";
  return [{ ...model, page: { ...page, screenContent } }, [{ type: "setScreenContent", content: screenContent }]];
}

/** Notes what the browser's own dialogue came to. */
export function settleScreen(model: Model, outcome: DeviceOutcome): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const screen: OwnDevice = outcome.ok && outcome.on ? { state: "on" } : OFF;
  const settled: Model = { ...model, page: { ...page, screen } };
  return outcome.ok ? [settled, []] : announce(settled, { kind: "screenFailed", code: outcome.error.code });
}

/** The browser may end it by itself: it has a button of its own, and windows are closed. */
export function noteScreen(model: Model, isShared: boolean): Model {
  const { page } = model;
  if (page.page !== "room" || isShared || page.screen.state !== "on") return model;
  return { ...model, page: { ...page, screen: OFF } };
}
