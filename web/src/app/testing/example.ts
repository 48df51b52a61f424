/** Models for tests: what a page holds when somebody has come so far. */

import type { Participant } from "../../protocol/messages";
import type { LinkState } from "../../webrtc/types";
import type { Effect } from "../effect";
import type { Message } from "../message";
import type { Model, Page, Surroundings } from "../model";
import { init } from "../navigation";
import { DEFAULT_SETTINGS, type Settings } from "../settings";
import { update } from "../update";

export const SURROUNDINGS: Surroundings = {
  origin: "https://allo.example",
  browserLanguages: ["en"],
  isApple: false,
  canFullScreen: true,
  floating: "page",
  canChooseSpeaker: true,
  canShareScreen: true,
  canRecord: true,
  slots: 6,
  topology: null,
  login: null,
};

export function opened(path: string, settings: Partial<Settings> = {}): Model {
  return init(SURROUNDINGS, { ...DEFAULT_SETTINGS, displayName: "Ada", ...settings }, path)[0];
}

/** Returns the model after all these messages, and the effects of the last. */
export function after(model: Model, ...messages: readonly Message[]): [Model, readonly Effect[]] {
  return messages.reduce<[Model, readonly Effect[]]>(([now], message) => [...update(now, message)], [model, []]);
}

export function participant(id: string, changes: Partial<Participant> = {}): Participant {
  return { id, displayName: id.toUpperCase(), mic: true, cam: true, screen: false, connection: "online", ...changes };
}

export function roster(...participants: readonly Participant[]): Message {
  return { type: "participantsChanged", self: "me", participants, room: "family", rules: {} };
}

/** In the room with these others. */
export function inCall(...others: readonly Participant[]): Model {
  const here = roster(participant("me"), ...others);
  return after(opened("/family"), { type: "clickedJoin" }, here)[0];
}

export function linkTo(peer: string, state: LinkState): Message {
  return { type: "linkChanged", peer, state };
}

export function pageOf<Name extends Page["page"]>(model: Model, name: Name): Extract<Page, { page: Name }> {
  if (model.page.page !== name) throw new Error(`the page is ${model.page.page}, not ${name}`);
  return model.page as Extract<Page, { page: Name }>;
}
