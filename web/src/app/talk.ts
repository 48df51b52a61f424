/** Talking while a key is held, and talking while nobody can hear it. */

import { announce } from "./announcement";
import type { Update } from "./effect";
import type { Model, RoomPage } from "./model";
import { toggle } from "./own";
import { ownRights } from "./rights";

/** Turns a microphone that is off on, for as long as the key is held. */
export function beginTalking(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.isTalkHeld || page.own.mic.state !== "off") return [model, []];
  if (!ownRights(page).mic) return announce(model, { kind: "mayNot", device: "mic" });
  return toggle({ ...model, page: { ...page, isTalkHeld: true } }, "mic");
}

/** The key was let go, or the window lost it. */
export function endTalking(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || !page.isTalkHeld) return [model, []];
  const next: Model = { ...model, page: { ...page, isTalkHeld: false } };
  return page.own.mic.state === "off" ? [next, []] : toggle(next, "mic");
}

/** Whoever uses the button while the key is held has decided: letting go changes nothing more. */
export function toggleByHand(model: Model, device: "mic" | "cam"): Update {
  const { page } = model;
  if (page.page !== "room") return toggle(model, device);
  if (page.own[device].state === "off" && !ownRights(page)[device]) return announce(model, { kind: "mayNot", device });
  if (device === "cam" || !page.isTalkHeld) return toggle(model, device);
  return [{ ...model, page: { ...page, isTalkHeld: false } }, []];
}

/** Louder than a voice in the next room. Lower: keyboards are told that they are muted. */
const TALKING_LEVEL = 0.12;

/** So many loud measurements more than silent ones, a tenth of a second each. Lower: a cough is enough. */
const TALKING_MEASUREMENTS = 8;

/** Says once for each time of being muted that somebody talks all the same. */
export function noticeMutedTalk(model: Model, level: number): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const next = heardWhileMuted(page, level);
  if (next === page.mutedTalk) return [model, []];
  const noted: Model = { ...model, page: { ...page, mutedTalk: next } };
  return next === "told" ? announce(noted, { kind: "mutedTalk" }) : [noted, []];
}

function heardWhileMuted({ own, mutedTalk }: RoomPage, level: number): RoomPage["mutedTalk"] {
  if (own.mic.state !== "off") return 0;
  if (mutedTalk === "told") return "told";
  const count = Math.max(0, mutedTalk + (level >= TALKING_LEVEL ? 1 : -1));
  return count < TALKING_MEASUREMENTS ? count : "told";
}
