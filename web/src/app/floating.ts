/** The small window that shows the call over other windows. */

import type { Update } from "./effect";
import type { Model, RoomPage } from "./model";
import { tiles, type TileId } from "./tiles";
import { mainTiles } from "./stage";

/** Returns what the small window shows: what is large on the stage, else who speaks, else the first of the others. */
export function floatingTile(page: RoomPage): TileId {
  const all = tiles(page);
  const [large] = mainTiles(page, all);
  if (large !== undefined) return large;
  const isHere = page.people.some(({ id }) => id === page.active);
  const other = page.people.find(({ id }) => id !== page.self)?.id ?? page.self;
  return isHere && page.active !== null ? page.active : other;
}

/** Opens it, or closes it. Where only a picture can float, it is the one that is there now. */
export function toggleFloating(model: Model): Update {
  const { page, surroundings, isFloating } = model;
  if (page.page !== "room" || surroundings.floating === null) return [model, []];
  return [model, [{ type: "setFloating", tile: isFloating ? null : floatingTile(page) }]];
}
