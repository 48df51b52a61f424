/** Paints the stage as it is shown, for a recording. */

import { colourOf, initials } from "../app/initials";
import { fills, type Placement, type Rect, type Size } from "../app/layout";
import type { Model, Person, RoomPage } from "../app/model";
import { appearance, screenAppearance } from "../app/people";
import { planStage } from "../app/stage";
import { personOf, sourceOf } from "../app/tiles";
import { SELF } from "../view/streams";
import type { Media } from "./media";

export const STAGE_SIZE: Size = { width: 1280, height: 720 };

/** Those of the page: see style.css. */
const PAPER = "#0a0e0d";
const TILE = "#1b2421";
const DISCS = ["#1d7560", "#3a63a8", "#8a4f9e", "#a8473f", "#8a6414", "#4d7426", "#27768c", "#a04172"] as const;
const SPEAKING = "#7fe3c0";

const CORNER = 14;
const NAME_HEIGHT = 26;
const FONT = "system-ui, sans-serif";

/** Nothing is painted of a page that is not a room: the last picture stays. */
export function paintStage(paint: CanvasRenderingContext2D, model: Model, media: Pick<Media, "element">): void {
  const { page, surroundings, settings } = model;
  if (page.page !== "room") return;
  const { placements } = planStage(page, surroundings.slots);
  const toCanvas = fitting(page.stage);
  paint.fillStyle = PAPER;
  paint.fillRect(0, 0, STAGE_SIZE.width, STAGE_SIZE.height);
  // The inset is over the others.
  for (const placement of placements.toSorted((one, other) => layerOf(one) - layerOf(other))) {
    const person = page.people.find(({ id }) => id === personOf(placement.id));
    if (person !== undefined) paintTile(paint, { placement, person, page, isAudioOnly: settings.audioOnly });
  }

  type Tile = { placement: Placement; person: Person; page: RoomPage; isAudioOnly: boolean };
  function paintTile(into: CanvasRenderingContext2D, { placement, person, page: room, isAudioOnly }: Tile): void {
    const isScreen = sourceOf(placement.id) === "screen";
    const look = isScreen ? screenAppearance(person, isAudioOnly) : appearance(room, person, isAudioOnly);
    const rect = toCanvas(placement.rect);
    into.save();
    into.beginPath();
    into.roundRect(rect.x, rect.y, rect.width, rect.height, CORNER);
    into.fillStyle = TILE;
    into.fill();
    into.clip();
    const video = media.element(look.isSelf ? SELF : placement.id);
    if (look.showsVideo && video !== undefined) paintPicture(into, video, rect, isScreen);
    else if (!isScreen) paintDisc(into, person, rect);
    paintName(into, person.displayName, rect);
    into.restore();
    if (look.isSpeaking) paintFrame(into, rect);
  }
}

const layerOf = ({ role }: Placement): number => (role === "inset" ? 1 : 0);

/** Returns how to get from the stage to the canvas: as large as it can be, and in the middle. */
export function fitting(stage: Size): (rect: Rect) => Rect {
  const scale = Math.min(STAGE_SIZE.width / Math.max(1, stage.width), STAGE_SIZE.height / Math.max(1, stage.height));
  const left = (STAGE_SIZE.width - stage.width * scale) / 2;
  const top = (STAGE_SIZE.height - stage.height * scale) / 2;
  return ({ x, y, width, height }) => ({
    x: left + x * scale,
    y: top + y * scale,
    width: width * scale,
    height: height * scale,
  });
}

function paintPicture(paint: CanvasRenderingContext2D, video: HTMLVideoElement, rect: Rect, isWhole: boolean): void {
  const size: Size = { width: video.videoWidth, height: video.videoHeight };
  if (size.width === 0 || size.height === 0) return;
  const ratios = [rect.width / size.width, rect.height / size.height];
  const scale = !isWhole && fills(rect, size) ? Math.max(...ratios) : Math.min(...ratios);
  const width = size.width * scale;
  const height = size.height * scale;
  paint.drawImage(video, rect.x + (rect.width - width) / 2, rect.y + (rect.height - height) / 2, width, height);
}

function paintDisc(paint: CanvasRenderingContext2D, person: Person, rect: Rect): void {
  const radius = Math.min(48, rect.width / 4, rect.height / 4);
  const [x, y] = [rect.x + rect.width / 2, rect.y + rect.height / 2];
  paint.beginPath();
  paint.arc(x, y, radius, 0, 2 * Math.PI);
  paint.fillStyle = DISCS[colourOf(person.id)] ?? TILE;
  paint.fill();
  paint.fillStyle = "#fff";
  paint.font = `600 ${Math.round(radius * 0.75)}px ${FONT}`;
  paint.textAlign = "center";
  paint.textBaseline = "middle";
  paint.fillText(initials(person.displayName), x, y);
}

function paintName(paint: CanvasRenderingContext2D, name: string, rect: Rect): void {
  paint.font = `600 15px ${FONT}`;
  paint.textAlign = "left";
  paint.textBaseline = "middle";
  const width = Math.min(rect.width - 16, paint.measureText(name).width + 20);
  if (width < 20) return;
  const top = rect.y + rect.height - NAME_HEIGHT - 8;
  paint.beginPath();
  paint.roundRect(rect.x + 8, top, width, NAME_HEIGHT, NAME_HEIGHT / 2);
  paint.fillStyle = "rgb(10 14 13 / 75%)";
  paint.fill();
  paint.save();
  paint.clip();
  paint.fillStyle = "#fff";
  paint.fillText(name, rect.x + 18, top + NAME_HEIGHT / 2);
  paint.restore();
}

function paintFrame(paint: CanvasRenderingContext2D, rect: Rect): void {
  paint.beginPath();
  paint.roundRect(rect.x + 1.5, rect.y + 1.5, rect.width - 3, rect.height - 3, CORNER);
  paint.strokeStyle = SPEAKING;
  paint.lineWidth = 3;
  paint.stroke();
}
