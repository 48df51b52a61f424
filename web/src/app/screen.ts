/** Sharing the own screen. */

import type { DeviceOutcome } from "../webrtc/types";
import { announce } from "./announcement";
import type { Update } from "./effect";
import type { Model, OwnDevice } from "./model";

const OFF: OwnDevice = { state: "off", problem: null };

/** Asks the browser for a screen, or ends sharing it. */
export function toggleScreen(model: Model): Update {
  const { page, surroundings } = model;
  if (page.page !== "room" || !surroundings.canShareScreen || page.screen.state === "opening") return [model, []];
  const isShared = page.screen.state === "off";
  const screen: OwnDevice = isShared ? { state: "opening" } : OFF;
  return [{ ...model, page: { ...page, screen } }, [{ type: "setScreen", isShared }]];
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
