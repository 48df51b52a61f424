/** What is on the stage, how large, and in which order of importance. */

import type { PictureLimits, Tile } from "../protocol/messages";
import { arrange, focus, gridCapacity, split, type Placement } from "./layout";
import type { Model, RoomPage } from "./model";
import type { Settings } from "./settings";
import { ownVideo } from "./people";
import { personOf, sourceOf, tileId, tiles, type TileId } from "./tiles";

export type StagePlan = {
  readonly placements: readonly Placement[];
  /** How many pages of tiles there are, and which one is shown, from 0. */
  readonly pages: number;
  readonly page: number;
};

/** Returns what is where. `slots` is how many pictures of others can come at once. */
export function planStage(page: RoomPage, slots: number): StagePlan {
  const { stage } = page;
  if (stage.width <= 0 || stage.height <= 0) return { placements: [], pages: 1, page: 0 };
  const all = tiles(page);
  const main = mainTiles(page, all);
  if (main.length > 0) return besides(page, main, all, slots);
  const shown = pageOf(all, gridCapacity(stage, slots), page.shownPage);
  const inset = { spot: page.inset, video: ownVideo(page) };
  return { ...shown, placements: arrange(stage, shown.ids, page.self, inset) };
}

/** The large tiles, where there are any: what was pinned, whom a moderator shows to all, a screen, who speaks if wished for. */
export function mainTiles(
  { pinned, rules, layout, active, self }: RoomPage,
  all: readonly TileId[],
): readonly TileId[] {
  const count = layout === "sideBySide" ? 2 : 1;
  // Alone, or with one other in one large tile, there is nothing to choose.
  if (all.length <= 3 - count) return [];
  const screen = all.findLast((tile) => sourceOf(tile) === "screen");
  const chosen = [pinned, rules?.spotlight, screen].filter((tile) => tile != null && all.includes(tile));
  if (layout === "grid") return chosen.slice(0, 1) as TileId[];
  const owner = screen === undefined ? [] : [personOf(screen)];
  const speaker = active === self ? [] : [active];
  const others = all.filter((tile) => tile !== self && sourceOf(tile) === "cam");
  const wished = [...chosen, ...owner, ...speaker, ...others, self].filter(
    (tile) => tile != null && all.includes(tile),
  );
  return [...new Set(wished as TileId[])].slice(0, count);
}

function besides(
  { stage, shownPage }: RoomPage,
  main: readonly TileId[],
  all: readonly TileId[],
  slots: number,
): StagePlan {
  const others = all.filter((tile) => !main.includes(tile));
  const { capacity, place } = focus(stage);
  const shown = pageOf(others, Math.max(1, Math.min(capacity, slots - main.length)), shownPage);
  const { large, small } = place(shown.ids.length);
  const side = shown.ids.flatMap((id, index): Placement[] => {
    const rect = small[index];
    return rect === undefined ? [] : [{ id, role: "side", rect }];
  });
  const places = split(large, main.length);
  const focused = main.flatMap((id, index): Placement[] => {
    const rect = places[index];
    return rect === undefined ? [] : [{ id, role: "focus", rect }];
  });
  return { ...shown, placements: [...focused, ...side] };
}

function pageOf(
  ids: readonly TileId[],
  capacity: number,
  wanted: number,
): { readonly ids: readonly TileId[]; readonly pages: number; readonly page: number } {
  const pages = Math.max(1, Math.ceil(ids.length / capacity));
  const page = Math.min(wanted, pages - 1);
  return { ids: ids.slice(page * capacity, (page + 1) * capacity), pages, page };
}

export const UNLIMITED: PictureLimits = {};
/** How high pictures are while data are saved. Lower saves more; faces are known down to these, and large letters are read. */
const SAVING: PictureLimits = { cam: 180, screen: 720 };
const SOUND_ALONE: PictureLimits = { cam: 0, screen: 0 };

/** Returns how high pictures are to be at most: always the same value for the same limits. */
export function pictureLimits({ audioOnly, dataSaver }: Settings): PictureLimits {
  if (audioOnly) return SOUND_ALONE;
  return dataSaver ? SAVING : UNLIMITED;
}

/**
 * Returns the pictures to ask for, the most important first: those that are on the stage of a page that somebody sees, and
 * `floating`, which is in a small window of its own.
 */
export function wantedTiles({ page, pageHidden, surroundings }: Model, floating?: TileId): readonly Tile[] {
  if (page.page !== "room") return [];
  // A recording goes on when nobody looks.
  const shown = pageHidden && page.recording !== "running" ? [] : heights(page, surroundings.slots);
  const isShown = floating === undefined || shown.some(({ id }) => id === floating);
  return (isShown ? shown : [{ id: floating, height: FLOATING_HEIGHT }, ...shown])
    .filter(({ id }) => personOf(id) !== page.self)
    .map(({ id, height }) => ({ participant: personOf(id), source: sourceOf(id), height: Math.round(height) }));
}

/** The small window's. Higher: more of what is asked for is not seen. */
const FLOATING_HEIGHT = 360;

function heights(page: RoomPage, slots: number): readonly { readonly id: TileId; readonly height: number }[] {
  const rank = (id: TileId): number => {
    if (id === page.pinned || id === page.rules?.spotlight) return 0;
    if (sourceOf(id) === "screen") return 1;
    return id === page.active ? 2 : 3;
  };
  return planStage(page, slots)
    .placements.toSorted((one, other) => rank(one.id) - rank(other.id))
    .map(({ id, rect }) => ({ id, height: rect.height * page.pixelRatio }));
}

/** Turns to another page of tiles. Pictures that are no longer shown are forgotten, for their elements are. */
export function turnPage(model: Model, by: 1 | -1): Model {
  const { page } = model;
  if (page.page !== "room") return model;
  const before = planStage(page, model.surroundings.slots);
  const shownPage = Math.min(Math.max(0, before.page + by), before.pages - 1);
  return shownPage === before.page ? model : { ...model, page: { ...page, shownPage } };
}

/** Returns the same page without the sizes of pictures that are off the stage: their elements begin anew. */
export function withoutHidden(page: RoomPage, slots: number): RoomPage {
  const shown = new Set(planStage(page, slots).placements.map(({ id }) => id));
  // Nothing is known of a stage that was not measured yet.
  if (shown.size === 0) return page;
  const isStale = page.people.some(
    ({ id, video, screenVideo }) =>
      (video !== null && !shown.has(id)) || (screenVideo !== null && !shown.has(tileId(id, "screen"))),
  );
  if (!isStale) return page;
  const people = page.people.map((person) => ({
    ...person,
    video: shown.has(person.id) ? person.video : null,
    screenVideo: shown.has(tileId(person.id, "screen")) ? person.screenVideo : null,
  }));
  return { ...page, people };
}
