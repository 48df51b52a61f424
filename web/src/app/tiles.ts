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

/** Returns every tile that there is to show, screens first. The own screen is not one: it would show itself in itself. */
export function tiles(page: RoomPage): TileId[] {
  const { people, self } = page;
  const screens = people.filter(({ id, screen }) => screen && id !== self).map(({ id }) => tileId(id, "screen"));
  return [...screens, ...faces(page)];
}

function faces({ people, self, own, isOnlyVideo, pinned, rules }: RoomPage): TileId[] {
  const hasPicture = ({ id, cam }: RoomPage["people"][number]): boolean =>
    id === self ? own.cam.state === "on" : cam || id === pinned || id === rules?.spotlight;
  const seen = isOnlyVideo ? people.filter(hasPicture) : [];
  // A stage with nobody on it would look like a fault.
  return (seen.length > 0 ? seen : people).map(({ id }) => id);
}
