/** How many people a room holds, as its moderators choose it. */

import type { RoomSettings } from "../protocol/messages";
import type { MeetingMessage } from "../webrtc/types";

/** More than a server has places for: it takes what lies beyond its own bound, which no page knows, as that bound. */
export const PLACES_MAX = 99_999;

/** Returns what makes the room hold as many as somebody typed; nothing where that is no such number, or holds already. */
export function placesOrder(rules: RoomSettings, typed: string): MeetingMessage | null {
  const places = Number(typed);
  const isNew = Number.isInteger(places) && places >= 1 && places <= PLACES_MAX && places !== rules.participantsMax;
  return isNew ? { type: "setRoom", participantsMax: places } : null;
}
