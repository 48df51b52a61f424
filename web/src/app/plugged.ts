/** Devices that come and go while the page is open. What is plugged in is offered, never taken. */

import { announce } from "./announcement";
import type { Effect, Update } from "./effect";
import type { Device, Model, Offer } from "./model";
import { choose } from "./own";

/** Other names of devices that are listed themselves, too: Chromium's (156, November 2026). */
const ALIASES: readonly string[] = ["default", "communications"];

/** Takes note of the browser's list: offers what is new in a call, and does without a speaker that is gone. */
export function list(model: Model, devices: readonly Device[]): Update {
  const offer = model.page.page === "room" ? offerOf(model.devices, devices) : null;
  const isThere = ({ deviceIds }: Offer): boolean =>
    Object.values(deviceIds).every((id) => devices.some(({ deviceId }) => deviceId === id));
  const kept = model.offer !== null && isThere(model.offer) ? model.offer : null;
  const listed: Model = { ...model, devices, offer: offer ?? kept };
  return wasSpeakerLost(model, devices) ? fallBack(listed) : [listed, []];
}

/** Takes what was offered. */
export function accept(model: Model): Update {
  const { offer } = model;
  if (offer === null) return [model, []];
  const chosen = Object.entries(offer.deviceIds) as [Device["kind"], string][];
  return chosen.reduce<Update>(
    ([now, effects], [kind, deviceId]) => {
      const [next, further] = choose(now, kind, deviceId);
      return [next, [...effects, ...further]];
    },
    [{ ...model, offer: null }, []],
  );
}

/** Everything of one new thing: a headset is a microphone and a speaker. */
function offerOf(before: readonly Device[], after: readonly Device[]): Offer | null {
  // The first list that has names is not news: it follows from a permission.
  if (!before.some(({ label }) => label !== "")) return null;
  const isNew = ({ kind, deviceId, label }: Device): boolean =>
    label !== "" &&
    !ALIASES.includes(deviceId) &&
    !before.some((known) => known.kind === kind && known.deviceId === deviceId);
  const arrivals = after.filter(isNew);
  const [first] = arrivals;
  if (first === undefined) return null;
  // A kind of which nothing was listed before was not there, or not permitted: nobody can tell.
  if (!before.some(({ kind }) => kind === first.kind)) return null;
  const parts = arrivals.filter(({ deviceId, group }) => deviceId === first.deviceId || isOneThing(group, first.group));
  return { label: first.label, deviceIds: Object.fromEntries(parts.map(({ kind, deviceId }) => [kind, deviceId])) };
}

const isOneThing = (one: string, other: string): boolean => one !== "" && one === other;

/** A microphone or camera says itself that it is gone; an element goes on with a speaker that is no more, in silence. */
function wasSpeakerLost({ settings, devices: before }: Model, after: readonly Device[]): boolean {
  const isChosen = ({ kind, deviceId }: Device): boolean => kind === "speaker" && deviceId === settings.chosen.speaker;
  return before.some(isChosen) && !after.some(isChosen);
}

function fallBack(model: Model): Update {
  const toDefault: Effect = { type: "setSpeaker", deviceId: null };
  if (model.page.page !== "room") return [model, [toDefault]];
  const [told, effects] = announce(model, { kind: "replaced", device: "speaker" });
  return [told, [toDefault, ...effects]];
}
