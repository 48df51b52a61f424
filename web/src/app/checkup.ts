/** The page on which people try their devices and their network, without a call. */

import type { ClientErrorCode } from "../webrtc/types";
import type { Update } from "./effect";
import type { CheckupPage, Model } from "./model";
import { allowDevices, OWN_OFF } from "./own";

/** The path of this page; no room can have that name. */
export const CHECKUP_PATH = "/diagnostics";

/** What was tried, and what came of it. */
export type Trial =
  | { readonly state: "waiting" | "running" }
  /** The server does not offer it. */
  | { readonly state: "absent" }
  | { readonly state: "passed"; readonly roundTripMs?: number }
  | { readonly state: "failed"; readonly code?: ClientErrorCode };

/** What got through of a picture that was sent to the server and came back. */
export type Flow = { readonly state: "passed"; readonly bitrate: number; readonly loss: number };

/** The ways of the network, in the order in which they are tried. */
export type Trials = {
  /** The page's own conversation with the server. */
  readonly server: Trial;
  readonly udp: Trial;
  readonly tcp: Trial;
  readonly relay: Trial;
  readonly flow: Trial | Flow;
};

const WAITING: Trial = { state: "waiting" };
export const NO_TRIALS: Trials = { server: WAITING, udp: WAITING, tcp: WAITING, relay: WAITING, flow: WAITING };

export const CHECKUP: CheckupPage = {
  page: "checkup",
  own: OWN_OFF,
  level: 0,
  loudest: 0,
  tone: "unasked",
  phase: "ready",
  trials: NO_TRIALS,
};

/** Begins, or begins anew: asks for the devices, and tries the network meanwhile. */
export function startCheckup(model: Model): Update {
  const { page } = model;
  if (page.page !== "checkup" || page.phase === "running") return [model, []];
  const begun: CheckupPage = { ...page, phase: "running", trials: NO_TRIALS, loudest: 0 };
  const [asked, orders] = allowDevices({ ...model, page: begun });
  return [asked, [...orders, { type: "startCheckup" }]];
}

export function noteTrials(model: Model, trials: Partial<Trials>): Update {
  return onCheckup(model, (page) => ({ ...page, trials: { ...page.trials, ...trials } }));
}

/** Nothing is left running that did not come to an end. */
export function endCheckup(model: Model): Update {
  return onCheckup(model, (page) => ({ ...page, phase: "done" }));
}

export function playTone(model: Model): Update {
  const [next] = onCheckup(model, (page) => ({ ...page, tone: "played" }));
  return [next, [{ type: "playSound", sound: "test" }]];
}

export function answerTone(model: Model, isHeard: boolean): Update {
  return onCheckup(model, (page) => ({ ...page, tone: isHeard ? "heard" : "unheard" }));
}

function onCheckup(model: Model, change: (page: CheckupPage) => CheckupPage): Update {
  return [model.page.page === "checkup" ? { ...model, page: change(model.page) } : model, []];
}
