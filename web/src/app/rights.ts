/** Who may do what to whom. The server decides; this is for not offering what it would refuse. */

import type { MayPublish, ParticipantId } from "../protocol/messages";
import type { Message } from "./message";
import type { Person, RoomPage } from "./model";

export type Action =
  | "message"
  | "pin"
  | "lowerHand"
  | "muteMic"
  | "askMic"
  | "stopCam"
  | "askCam"
  | "stopScreen"
  | "takeFloor"
  | "giveFloor"
  | "spotlight"
  | "endSpotlight"
  | "rename"
  | "makeModerator"
  | "makeParticipant"
  | "makeOwner"
  | "remove"
  | "ban";

export const EVERYTHING: MayPublish = { mic: true, cam: true, screen: true };
const NOTHING: MayPublish = { mic: false, cam: false, screen: false };

export function personOfId({ people }: RoomPage, id: ParticipantId): Person | undefined {
  return people.find((person) => person.id === id);
}

export const roleOf = (person: Person | undefined): NonNullable<Person["role"]> => person?.role ?? "participant";

/** Returns whether one may keep order in the room. */
export function isModerator(page: RoomPage): boolean {
  return page.rules !== null && roleOf(personOfId(page, page.self)) !== "participant";
}

export function isOwner(page: RoomPage): boolean {
  return page.rules !== null && roleOf(personOfId(page, page.self)) === "owner";
}

/** Returns what one may send oneself. */
export function ownRights(page: RoomPage): MayPublish {
  return personOfId(page, page.self)?.mayPublish ?? EVERYTHING;
}

/** Returns who keeps one from sharing a screen by sharing theirs. */
export function screenTaker({ people, rules, self }: RoomPage): Person | undefined {
  return rules?.oneScreen === true ? people.find(({ id, screen }) => screen && id !== self) : undefined;
}

/** Returns what one can do about somebody, the gentlest first. */
export function actionsOn(page: RoomPage, person: Person): readonly Action[] {
  const isSelf = person.id === page.self;
  const friendly: Action[] = [...(isSelf || page.rules === null ? [] : (["message"] as const)), "pin"];
  if (!isModerator(page)) return friendly;
  const isLarge = page.rules?.spotlight === person.id;
  const shown: Action[] = [...friendly, isLarge ? "endSpotlight" : "spotlight"];
  if (isSelf || (roleOf(person) === "owner" && !isOwner(page))) return shown;
  return [...shown, ...moderation(person), ...(isOwner(page) ? promotions(person) : []), "rename", "remove", "ban"];
}

function moderation(person: Person): readonly Action[] {
  const { mic, cam, screen, hand, mayPublish = EVERYTHING } = person;
  const mayAll = mayPublish.mic && mayPublish.cam && mayPublish.screen;
  return [
    ...(hand === undefined ? [] : (["lowerHand"] as const)),
    mic ? "muteMic" : "askMic",
    cam ? "stopCam" : "askCam",
    ...(screen ? (["stopScreen"] as const) : []),
    mayAll ? "takeFloor" : "giveFloor",
  ];
}

function promotions(person: Person): readonly Action[] {
  const all = { makeParticipant: "participant", makeModerator: "moderator", makeOwner: "owner" } as const;
  return (["makeParticipant", "makeModerator", "makeOwner"] as const).filter((it) => all[it] !== roleOf(person));
}

/** Returns what a click on an action says. */
export function messageOf(action: Action, { id: participant, displayName: name }: Person): Message {
  const order = (it: Extract<Message, { type: "gaveOrder" }>["order"]): Message => ({ type: "gaveOrder", order: it });
  switch (action) {
    case "message":
      return { type: "choseRecipient", to: { id: participant, name } };
    case "pin":
      return { type: "toggledPin", tile: participant };
    case "lowerHand":
      return order({ type: "lowerHand", participant });
    case "muteMic":
      return order({ type: "turnOff", participant, device: "mic" });
    case "askMic":
      return order({ type: "askToTurnOn", participant, device: "mic" });
    case "stopCam":
      return order({ type: "turnOff", participant, device: "cam" });
    case "askCam":
      return order({ type: "askToTurnOn", participant, device: "cam" });
    case "stopScreen":
      return order({ type: "turnOff", participant, device: "screen" });
    case "takeFloor":
      return order({ type: "setMayPublish", participant, mayPublish: NOTHING });
    case "giveFloor":
      return order({ type: "setMayPublish", participant, mayPublish: EVERYTHING });
    case "spotlight":
      return order({ type: "spotlight", participant });
    case "endSpotlight":
      return order({ type: "spotlight" });
    case "rename":
      return { type: "clickedRename", person: participant };
    case "makeModerator":
      return order({ type: "setRole", participant, role: "moderator" });
    case "makeParticipant":
      return order({ type: "setRole", participant, role: "participant" });
    case "makeOwner":
      return order({ type: "setRole", participant, role: "owner" });
    case "remove":
      return order({ type: "remove", participant });
    case "ban":
      return order({ type: "ban", participant });
  }
}
