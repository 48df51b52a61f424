/** Joining a room, and what happens in it. */

import type { ClientErrorCode, SignalingState } from "../webrtc/types";
import { announce } from "./announcement";
import { withError } from "./diagnostics";
import type { Effect, Update } from "./effect";
import { nearestCorner, spotAt, type Size } from "./layout";
import type { Level, Message } from "./message";
import type { Layout, Model, PreJoinPage, RoomPage } from "./model";
import { joinOrder, leave } from "./navigation";
import { lose } from "./own";
import { difference, merge, ownVideo, withVoices } from "./people";
import { roomPath } from "./roomName";
import { rememberRoom } from "./settings";
import { withoutHidden } from "./stage";
import { noticeMutedTalk } from "./talk";
import type { TileId } from "./tiles";

/** Asks to be let in, unless there is no name to show to the others. */
export function startJoining(model: Model): Update {
  const { page, settings } = model;
  if (page.page !== "preJoin" || page.joining) return [model, []];
  const displayName = settings.displayName.trim();
  if (displayName === "") return refuse({ ...model, page: { ...page, joining: true } }, "badDisplayName");
  const joining: PreJoinPage = { ...page, joining: true, refusal: null };
  return [{ ...model, page: joining }, [joinOrder(model, page.room, displayName)]];
}

/** Stays before the door, and says why. */
export function refuse(model: Model, code: ClientErrorCode): Update {
  const { page } = model;
  if (page.page === "room") return leave(model, code);
  if (page.page !== "preJoin" || !page.joining) return [model, []];
  const focus: Effect[] = code === "badDisplayName" ? [{ type: "focus", id: "display-name" }] : [];
  return [{ ...model, page: { ...page, joining: false, signaling: null, refusal: code } }, focus];
}

/** The way to the server changed. Its end is the end of the call. */
export function changeSignaling(model: Model, state: SignalingState): Update {
  const { page } = model;
  if (page.page !== "room" && page.page !== "preJoin") return [model, []];
  if (state.state === "closed") {
    return state.code === "left" ? [model, []] : refuse(model, state.code);
  }
  return [{ ...model, page: { ...page, signaling: state } }, []];
}

/** The roster came: the first one is what lets somebody in. */
export function arrive(model: Model, roster: Extract<Message, { type: "participantsChanged" }>): Update {
  if (model.page.page === "preJoin" && model.page.joining) return enter(model, model.page, roster);
  if (model.page.page !== "room") return [model, []];
  const people = merge(model.page.people, roster.participants);
  const page = withoutHidden({ ...model.page, self: roster.self, people }, model.surroundings.slots);
  return announce({ ...model, page }, difference(model.page.people, people));
}

function enter(
  model: Model,
  door: PreJoinPage,
  { self, participants, room }: Extract<Message, { type: "participantsChanged" }>,
): Update {
  const page: RoomPage = {
    page: "room",
    room,
    self,
    own: door.own,
    signaling: { state: "open" },
    people: merge([], participants),
    stage: { width: 0, height: 0 },
    pixelRatio: 1,
    layout: "grid",
    isOnlyVideo: false,
    pinned: null,
    shownPage: 0,
    active: null,
    speaking: [],
    inspected: null,
    screen: { state: "off", problem: null },
    screenContent: "detail",
    mediaRefusal: null,
    inset: { x: 1, y: 1 },
    isInsetHeld: false,
    isSoundBlocked: false,
    isTalkHeld: false,
    mutedTalk: 0,
  };
  const settings = rememberRoom(model.settings, room);
  const correction: Effect[] = room === door.room ? [] : [{ type: "showPath", path: roomPath(room), replace: true }];
  const speaker = settings.chosen.speaker;
  const sound: Effect[] = speaker === null ? [] : [{ type: "setSpeaker", deviceId: speaker }];
  const next: Model = { ...model, settings, page, dialog: null };
  return [next, [{ type: "save", settings }, ...correction, ...sound, { type: "focus", id: "page" }]];
}

/** With these the server says that media do not go through it, for now or for good. */
const REFUSALS: readonly ClientErrorCode[] = ["badOffer", "mediaUnavailable", "serverBusy"];

function withRefusal(model: Model, mediaRefusal: ClientErrorCode): Model {
  return model.page.page === "room" ? { ...model, page: { ...model.page, mediaRefusal } } : model;
}

/** Keeps every error for the diagnostics; one about a device is also shown where the device is. */
export function noteFailure(
  model: Model,
  { error, at, isReplaced }: Extract<Message, { type: "clientFailed" }>,
): Update {
  const { code, text, device } = error;
  const noted: Model = { ...model, diagnostics: withError(model.diagnostics, { at, code, text }) };
  if (error.fatal) return refuse(noted, code);
  if (REFUSALS.includes(code)) return [withRefusal(noted, code), []];
  if (device !== "mic" && device !== "cam") return [noted, []];
  return isReplaced ? announce(noted, { kind: "replaced", device }) : [lose(noted, device, code), []];
}

/** The own level is rounded to what the meter can show, so that silence draws nothing. */
export function measure(model: Model, own: number, peers: readonly Level[]): Update {
  const { page } = model;
  if (page.page === "preJoin") {
    const level = Math.round(Math.min(1, own) * 20) / 20;
    return [level === page.level ? model : { ...model, page: { ...page, level } }, []];
  }
  if (page.page !== "room") return [model, []];
  const heard = withVoices(page, own, peers);
  return noticeMutedTalk(heard === page ? model : { ...model, page: heard }, own);
}

export function resizeStage(page: RoomPage, stage: Size, pixelRatio: number): RoomPage {
  const isSame = page.stage.width === stage.width && page.stage.height === stage.height;
  return isSame && page.pixelRatio === pixelRatio ? page : { ...page, stage, pixelRatio };
}

export function togglePin(page: RoomPage, tile: TileId): RoomPage {
  return { ...page, pinned: page.pinned === tile ? null : tile, shownPage: 0 };
}

export function toggleLayout(page: RoomPage): RoomPage {
  return withLayout(page, page.layout === "grid" ? "speaker" : "grid");
}

export function withLayout(page: RoomPage, layout: Layout): RoomPage {
  return { ...page, layout, shownPage: 0 };
}

export function toggleOnlyVideo(page: RoomPage): RoomPage {
  return { ...page, isOnlyVideo: !page.isOnlyVideo, shownPage: 0 };
}

export function dragInset(page: RoomPage, x: number, y: number): RoomPage {
  return { ...page, inset: spotAt(page.stage, ownVideo(page), x, y), isInsetHeld: true };
}

export function dropInset(page: RoomPage): RoomPage {
  return { ...page, inset: nearestCorner(page.inset), isInsetHeld: false };
}

/** `next` goes round the corners clockwise, for those who click instead of pressing arrow keys. */
export function moveInset(page: RoomPage, towards: Extract<Message, { type: "insetMoved" }>["towards"]): RoomPage {
  const { x, y } = nearestCorner(page.inset);
  const inset = {
    left: { x: 0, y },
    right: { x: 1, y },
    up: { x, y: 0 },
    down: { x, y: 1 },
    next: { x: 1 - y, y: x },
  }[towards];
  return { ...page, inset };
}
