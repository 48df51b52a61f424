/** What happens in a meeting besides seeing, hearing and writing: hands, signs, and what moderators do. */

import type { Device, Knocker, ParticipantId, Reaction } from "../protocol/messages";
import type { MeetingMessage } from "../webrtc/types";
import { announce } from "./announcement";
import type { Effect, Update } from "./effect";
import type { Message } from "./message";
import type { ConfirmedOrder, Model, OwnDevice, Person, RoomPage, Sign } from "./model";
import { toggle } from "./own";
import { ownRights, personOfId, roleOf, screenTaker } from "./rights";
import { toggleScreen } from "./screen";
import { MAX_NAME_LENGTH } from "./settings";
import { soundOf } from "./sound";

/** For how long a sign is shown. Lower: whoever looks elsewhere misses it; higher: it is about what is over. */
const SIGN_MS = 4000;

/** More at once would hide the people; the oldest go first. */
const SIGNS_MAX = 40;

/** Returns those whose hands are up, the earliest first. */
export function hands({ people }: Pick<RoomPage, "people">): readonly Person[] {
  return people.filter(({ hand }) => hand !== undefined).toSorted((one, other) => (one.hand ?? 0) - (other.hand ?? 0));
}

export function isHandUp(page: RoomPage): boolean {
  return personOfId(page, page.self)?.hand !== undefined;
}

export function toggleHand(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.rules === null) return [model, []];
  return [model, [say({ type: isHandUp(page) ? "lowerHand" : "raiseHand" })]];
}

export function showSign(model: Model, person: ParticipantId, reaction: Reaction): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const number = (page.signs.at(-1)?.number ?? 0) + 1;
  const signs: Sign[] = [...page.signs, { number, person, reaction }].slice(-SIGNS_MAX);
  const message: Message = { type: "signExpired", number };
  return [{ ...model, page: { ...page, signs } }, [{ type: "wait", timer: `sign ${number}`, ms: SIGN_MS, message }]];
}

export function withoutSign(page: RoomPage, number: number): RoomPage {
  return { ...page, signs: page.signs.filter((sign) => sign.number !== number) };
}

/** Somebody knocks. The list is whole, so that who is new on it is who knocks now. */
export function noteKnocking(model: Model, knocking: readonly Knocker[]): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const isNew = knocking.some(({ id }) => !page.knocking.some((known) => known.id === id));
  return [{ ...model, page: { ...page, knocking } }, isNew ? soundOf(model, "knock") : []];
}

/** A moderator, or whoever shares the one screen that may be, turned off an own device: so it is, and the person may turn it on again. */
export function beTurnedOff(model: Model, device: Device, by: ParticipantId): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const [off, orders] = turnOff(model, device);
  if (orders.length === 0) return [model, []];
  const name = personOfId(page, by)?.displayName ?? "";
  const isTaken = device === "screen" && screenTaker(page)?.id === by;
  const [told, effects] = announce(
    off,
    isTaken ? { kind: "screenTaken", by: name } : { kind: "turnedOff", device, by: name },
  );
  return [told, [...orders, ...effects]];
}

/** Asks the person. A device that is on already needs no asking. */
export function beAsked(model: Model, device: Device, by: ParticipantId): Model {
  const { page } = model;
  if (page.page !== "room" || deviceOf(page, device).state !== "off") return model;
  return { ...model, page: { ...page, asked: { device, by: personOfId(page, by)?.displayName ?? "" } } };
}

/** Turns on what one was asked for. */
export function acceptAsk(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.asked === null) return [model, []];
  const { device } = page.asked;
  const next: Model = { ...model, page: { ...page, asked: null } };
  if (deviceOf(page, device).state !== "off") return [next, []];
  return device === "screen" ? toggleScreen(next) : toggle(next, device);
}

/** Turns off what is on and one may no longer send. */
export function obey(model: Model, before: RoomPage): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const now = ownRights(page);
  const was = ownRights(before);
  const lost = (["mic", "cam", "screen"] as const).filter((device) => was[device] && !now[device]);
  const [first] = lost;
  if (first === undefined) return newRole(model, page, before);
  const [off, orders] = lost.reduce<Update>(
    ([so, effects], device) => {
      const [next, further] = turnOff(so, device);
      return [next, [...effects, ...further]];
    },
    [model, []],
  );
  const [told, effects] = announce(off, { kind: "mayNot", device: first });
  return [told, [...orders, ...effects]];
}

function newRole(model: Model, page: RoomPage, before: RoomPage): Update {
  const role = roleOf(personOfId(page, page.self));
  const isOther = page.self === before.self && role !== roleOf(personOfId(before, before.self));
  return isOther ? announce(model, { kind: "role", role }) : [model, []];
}

/** Gives an order to the server; one that cannot be taken back is confirmed first. */
export function order(model: Model, given: MeetingMessage): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  if (!isToConfirm(given)) return [model, [say(given)]];
  const name = given.type === "endMeeting" ? page.room : (personOfId(page, given.participant)?.displayName ?? "");
  return [{ ...model, dialog: "confirm", page: { ...page, question: { kind: "order", order: given, name } } }, []];
}

function isToConfirm(given: MeetingMessage): given is ConfirmedOrder {
  return given.type === "remove" || given.type === "ban" || given.type === "endMeeting";
}

export function confirm(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.question?.kind !== "order") return [model, []];
  return [{ ...model, dialog: null, page: { ...page, question: null } }, [say(page.question.order)]];
}

export function askForName(model: Model, person: ParticipantId): Model {
  const { page } = model;
  const name = page.page === "room" ? personOfId(page, person)?.displayName : undefined;
  if (page.page !== "room" || name === undefined) return model;
  return { ...model, dialog: "rename", page: { ...page, question: { kind: "rename", person, name, draft: name } } };
}

export function editName(model: Model, text: string): Model {
  const { page } = model;
  if (page.page !== "room" || page.question?.kind !== "rename") return model;
  return { ...model, page: { ...page, question: { ...page.question, draft: text.slice(0, MAX_NAME_LENGTH) } } };
}

export function rename(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.question?.kind !== "rename") return [model, []];
  const { person: participant, draft } = page.question;
  const displayName = draft.trim();
  if (displayName === "") return [model, []];
  const next: Model = { ...model, dialog: null, page: { ...page, question: null } };
  return [next, [say({ type: "rename", participant, displayName })]];
}

function turnOff(model: Model, device: Device): Update {
  const { page } = model;
  if (page.page !== "room" || deviceOf(page, device).state === "off") return [model, []];
  if (device !== "screen") return toggle({ ...model, page: { ...page, isTalkHeld: false } }, device);
  // While the browser still asks which screen it is to be, there is nothing to end.
  return page.screen.state === "on" ? toggleScreen(model) : [model, []];
}

function deviceOf({ own, screen }: RoomPage, device: Device): OwnDevice {
  return device === "screen" ? screen : own[device];
}

const say = (message: MeetingMessage): Effect => ({ type: "say", message });
