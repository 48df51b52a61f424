/** Where each tile goes on the stage. Pure geometry, in CSS pixels. */

import type { ParticipantId } from "../protocol/messages";
import type { TileId } from "./tiles";

export type Size = { readonly width: number; readonly height: number };
export type Rect = Size & { readonly x: number; readonly y: number };

/** A place on the stage as two shares of the free space, 0 to 1: it survives any change of size. */
export type Spot = { readonly x: number; readonly y: number };

/**
 * `alone`, `main` and `inset` are the layouts for one and two; `grid` is for three and more; `focus` is a large tile and
 * `side` those beside it.
 */
export type TileRole = "alone" | "main" | "inset" | "grid" | "focus" | "side";

export type Placement = { readonly id: TileId; readonly role: TileRole; readonly rect: Rect };

/** The space between tiles. */
const GAP = 10;

/** The shapes of a tile in the grid: those of most cameras. Narrower ones would show more border than picture. */
const NARROWEST = 4 / 3;
const WIDEST = 16 / 9;

/** The inset may also be as a telephone's camera held upright. */
const UPRIGHT = 3 / 4;

/** The inset's margin to the edges of the stage. */
const INSET_MARGIN = 14;

/** Where the inset is, and the size of the picture in it, if there is one. */
export type Inset = { readonly spot: Spot; readonly video: Size | null };

/** Returns a place for everybody, in the order of `ids`; the inset, if any, is `self`. */
export function arrange(stage: Size, ids: readonly TileId[], self: ParticipantId, inset: Inset): Placement[] {
  const whole: Rect = { x: 0, y: 0, ...stage };
  if (ids.length === 1) return ids.map((id) => ({ id, role: "alone", rect: whole }));
  if (ids.length === 2 && ids.includes(self)) {
    return ids.map((id) =>
      id === self ? { id, role: "inset", rect: insetRect(stage, inset) } : { id, role: "main", rect: whole },
    );
  }
  const rects = grid(stage, ids.length);
  return ids.flatMap((id, index) => {
    const rect = rects[index];
    return rect === undefined ? [] : [{ id, role: "grid" as const, rect }];
  });
}

/** Returns `count` equal tiles, as large as the stage allows; a last row that is not full is centred. */
export function grid(stage: Size, count: number): Rect[] {
  if (count < 1) return [];
  const columns = bestColumns(stage, count);
  const rows = Math.ceil(count / columns);
  const tile = tileSize(stage, columns, rows);
  const top = (stage.height - rows * tile.height - (rows - 1) * GAP) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row < rows - 1 ? columns : count - (rows - 1) * columns;
    const left = (stage.width - inRow * tile.width - (inRow - 1) * GAP) / 2;
    return { x: left + (index % columns) * (tile.width + GAP), y: top + row * (tile.height + GAP), ...tile };
  });
}

/** Smaller tiles in the grid show nobody any more. */
const SMALLEST: Size = { width: 150, height: 100 };

/** Returns how many tiles one page of the grid holds: as many as can be seen, and as can come at once. */
export function gridCapacity(stage: Size, slots: number): number {
  const fit = (length: number, smallest: number): number => Math.max(1, Math.floor((length + GAP) / (smallest + GAP)));
  return Math.max(1, Math.min(slots, fit(stage.width, SMALLEST.width) * fit(stage.height, SMALLEST.height)));
}

export type Focus = {
  /** How many tiles have room beside the large one. */
  readonly capacity: number;
  readonly place: (count: number) => { readonly large: Rect; readonly small: readonly Rect[] };
};

/** Returns how to put one large tile on the stage, with others in a column beside it, or below it where it is upright. */
export function focus(stage: Size): Focus {
  return stage.height > stage.width ? above(stage) : left(stage);
}

function left(stage: Size): Focus {
  const width = clamp(stage.width * 0.18, 110, 260);
  const height = Math.min(width / WIDEST, stage.height);
  const capacity = Math.max(1, Math.floor((stage.height + GAP) / (height + GAP)));
  const place: Focus["place"] = (count) => {
    const top = (stage.height - count * height - (count - 1) * GAP) / 2;
    const x = stage.width - width;
    const small = Array.from({ length: count }, (_, n) => ({ x, y: top + n * (height + GAP), width, height }));
    return { large: { x: 0, y: 0, width: count === 0 ? stage.width : x - GAP, height: stage.height }, small };
  };
  return { capacity, place };
}

function above(stage: Size): Focus {
  const height = clamp(stage.height * 0.16, 80, 200);
  const width = Math.min(height * NARROWEST, stage.width);
  const capacity = Math.max(1, Math.floor((stage.width + GAP) / (width + GAP)));
  const place: Focus["place"] = (count) => {
    const start = (stage.width - count * width - (count - 1) * GAP) / 2;
    const y = stage.height - height;
    const small = Array.from({ length: count }, (_, n) => ({ x: start + n * (width + GAP), y, width, height }));
    return { large: { x: 0, y: 0, width: stage.width, height: count === 0 ? stage.height : y - GAP }, small };
  };
  return { capacity, place };
}

/** Cuts a place into `count` equal ones, side by side, or one above the other where it is upright. */
export function split(whole: Rect, count: number): Rect[] {
  const isWide = whole.width > whole.height;
  const length = Math.max(0, ((isWide ? whole.width : whole.height) - (count - 1) * GAP) / count);
  return Array.from({ length: count }, (_, n) => {
    const offset = n * (length + GAP);
    return isWide
      ? { ...whole, x: whole.x + offset, width: length }
      : { ...whole, y: whole.y + offset, height: length };
  });
}

/** Returns the size of each tile when the stage is cut into `columns` by `rows`. */
export function tileSize(stage: Size, columns: number, rows: number): Size {
  const width = Math.max(0, (stage.width - (columns - 1) * GAP) / columns);
  const height = Math.max(0, (stage.height - (rows - 1) * GAP) / rows);
  return { width: Math.min(width, height * WIDEST), height: Math.min(height, width / NARROWEST) };
}

function bestColumns(stage: Size, count: number): number {
  let best = 1;
  let bestArea = -1;
  for (let columns = 1; columns <= count; columns += 1) {
    const size = tileSize(stage, columns, Math.ceil(count / columns));
    const area = size.width * size.height;
    // A hair's breadth is no reason to leave more empty places.
    if (area > bestArea * 1.0001) {
      best = columns;
      bestArea = area;
    }
  }
  return best;
}

/** Returns the inset: a small share of the stage, in the shape of its picture, or else upright where the stage is. */
export function insetRect(stage: Size, { spot, video }: Inset): Rect {
  const upright = stage.height > stage.width;
  const shape = video === null ? (upright ? UPRIGHT : WIDEST) : video.width / video.height;
  const ratio = clamp(shape, UPRIGHT, WIDEST);
  const side = upright
    ? clamp(stage.width * 0.32, 96, 200)
    : clamp(stage.width * 0.16, 0.2 * stage.height, 0.4 * stage.height);
  // The same area in any shape.
  const size = { width: side * Math.sqrt(ratio), height: side / Math.sqrt(ratio) };
  const free = insetFreedom(stage, size);
  return { x: INSET_MARGIN + spot.x * free.width, y: INSET_MARGIN + spot.y * free.height, ...size };
}

/** Returns the spot of an inset whose top left corner is at `x`, `y`, kept on the stage. */
export function spotAt(stage: Size, video: Size | null, x: number, y: number): Spot {
  const free = insetFreedom(stage, insetRect(stage, { spot: { x: 0, y: 0 }, video }));
  const share = (offset: number, room: number): number => (room > 0 ? clamp((offset - INSET_MARGIN) / room, 0, 1) : 0);
  return { x: share(x, free.width), y: share(y, free.height) };
}

/** Returns the corner nearest to `spot`. */
export function nearestCorner(spot: Spot): Spot {
  return { x: spot.x < 0.5 ? 0 : 1, y: spot.y < 0.5 ? 0 : 1 };
}

function insetFreedom(stage: Size, inset: Size): Size {
  return {
    width: Math.max(0, stage.width - inset.width - 2 * INSET_MARGIN),
    height: Math.max(0, stage.height - inset.height - 2 * INSET_MARGIN),
  };
}

/**
 * Returns whether a video may be cut to fill its tile: yes when at least 60 % of it stays visible, so that a telephone
 * held upright is shown whole on a wide screen. Odd sizes (1×1, nothing yet) fill.
 */
export function fills(tile: Size, video: Size): boolean {
  if (video.width < 2 || video.height < 2 || tile.width <= 0 || tile.height <= 0) return true;
  const ratio = tile.width / tile.height / (video.width / video.height);
  return Math.min(ratio, 1 / ratio) >= 0.6;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
