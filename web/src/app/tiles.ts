/** The pictures that can be on the stage: one of each person, and one of each screen that somebody else shares. */

import type { ParticipantId } from "../protocol/messages";
import type { RoomPage } from "./model";

/** A person's own id for the person; with `SCREEN` behind it for their screen. Ids of people hold no slash. */
export type TileId = string;

export type TileSource = "cam" | "screen";

const SCREEN = "/screen";

export const tileId = (person: ParticipantId, source: TileSource): TileId =>
  source === "screen" ? person + SCREEN : person;

export const sourceOf = (tile: TileId): TileSource => (tile.endsWith(SCREEN) ? "screen" : "cam");

export const personOf = (tile: TileId): ParticipantId =>
  sourceOf(tile) === "screen" ? tile.slice(0, -SCREEN.length) : tile;

/** Returns every tile that there is, screens first. The own screen is not one: it would show itself in itself. */
export function tiles({ people, self }: RoomPage): TileId[] {
  const screens = people.filter(({ id, screen }) => screen && id !== self).map(({ id }) => tileId(id, "screen"));
  return [...screens, ...people.map(({ id }) => id)];
}
