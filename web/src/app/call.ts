/** Joining a room, and what happens in it. */

import type { ClientErrorCode, SignalingState } from "../webrtc/types";
import { announce } from "./announcement";
import { withError } from "./diagnostics";
import type { Effect, Update } from "./effect";
import { NO_CHAT } from "./chat";
import { nearestCorner, spotAt, type Size } from "./layout";
import type { Level, Message } from "./message";
import type { Layout, Model, PreJoinPage, RoomPage } from "./model";
import { joinOrder, leave } from "./navigation";
import { obey } from "./meeting";
import { lose, loseNoiseFilter } from "./own";
import { difference, merge, ownVideo, withVoices } from "./people";
import { followRecording } from "./recording";
import { isModerator } from "./rights";
import { roomPath } from "./roomName";
import { rememberRoom } from "./settings";
import { soundOf } from "./sound";
import { withoutHidden } from "./stage";
import { noticeMutedTalk } from "./talk";
import type { TileId } from "./tiles";

/** Asks to be let in, unless there is no name to show to the others. */
export function startJoining(model: Model): Update {
  const { page, settings } = model;
  if (page.page !== "preJoin" || page.joining || page.isWaiting) return [model, []];
  const displayName = settings.displayName.trim();
  if (displayName === "") return refuse({ ...model, page: { ...page, joining: true } }, "badDisplayName");
  const joining: PreJoinPage = { ...page, joining: true, refusal: null };
  return [{ ...model, page: joining }, [{ ...joinOrder(model, page.room, displayName), ...secretOf(page) }]];
}

function secretOf({ passwordOf, password }: PreJoinPage): { password?: string; openingPassword?: string } {
  if (passwordOf === null || password === "") return {};
  // A server where not everyone may open rooms does not say which of the two it is that is missing.
  return passwordOf === "room" ? { password } : { password, openingPassword: password };
}

/** Waits before the door until somebody inside opens it. */
export function wait(model: Model): Update {
  const { page } = model;
  if (page.page !== "preJoin" || !page.joining || page.isWaiting) return [model, []];
  return [{ ...model, page: { ...page, isWaiting: true, refusal: null } }, [{ type: "focus", id: "page" }]];
}

/** Stays before the door, and says why. */
export function refuse(model: Model, code: ClientErrorCode): Update {
  const { page } = model;
  if (page.page === "room") return leave(model, code);
  if (page.page !== "preJoin" || !page.joining) return [model, []];
  const passwordOf = PASSWORDS[code] ?? page.passwordOf;
  const refused: PreJoinPage = {
    ...page,
    joining: false,
    isWaiting: false,
    signaling: null,
    refusal: code,
    passwordOf,
  };
  const field = code === "badDisplayName" ? "display-name" : asksForPassword(code) ? "password" : null;
  return [{ ...model, page: refused }, field === null ? [] : [{ type: "focus", id: field }]];
}

/** Whose password these ask for. One that was wrong is the one that was asked for. */
const PASSWORDS: Partial<Record<ClientErrorCode, PreJoinPage["passwordOf"]>> = {
  passwordRequired: "room",
  mayNotOpen: "server",
  loginRequired: "server",
};

const asksForPassword = (code: ClientErrorCode): boolean => code === "wrongPassword" || PASSWORDS[code] !== undefined;

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
  const before = model.page;
  const people = merge(before.people, roster.participants);
  const changed: RoomPage = { ...before, self: roster.self, people, rules: roster.rules };
  const page = withoutHidden(isModerator(changed) ? changed : { ...changed, knocking: [] }, model.surroundings.slots);
  const news = difference(before.people, people, page.self);
  const [told, effects] = announce({ ...model, page }, news);
  const [obeyed, orders] = obey(told, before);
  const sound = news?.kind === "joined" ? "joined" : news?.kind === "handRaised" ? "hand" : null;
  const [followed, further] = followRecording(obeyed, before);
  return [followed, [...effects, ...(sound === null ? [] : soundOf(model, sound)), ...orders, ...further]];
}

function enter(
  model: Model,
  door: PreJoinPage,
  { self, participants, room, rules }: Extract<Message, { type: "participantsChanged" }>,
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
    recording: "off",
    screenContent: "detail",
    mediaRefusal: null,
    inset: { x: 1, y: 1 },
    isInsetHeld: false,
    isSoundBlocked: false,
    isTalkHeld: false,
    mutedTalk: 0,
    rules,
    knocking: [],
    chat: NO_CHAT,
    panel: null,
    roll: { search: "", order: "arrival", unfolded: null },
    signs: [],
    asked: null,
    question: null,
  };
  const settings = rememberRoom(model.settings, room);
  const correction: Effect[] = room === door.room ? [] : [{ type: "showPath", path: roomPath(room), replace: true }];
  const speaker = settings.chosen.speaker;
  const sound: Effect[] = speaker === null ? [] : [{ type: "setSpeaker", deviceId: speaker }];
  const next: Model = { ...model, settings, page, dialog: null };
  const [, news] = followRecording(next, null);
  return [next, [{ type: "save", settings }, ...correction, ...sound, ...news, { type: "focus", id: "page" }]];
}

/** With these the server says that media do not go through it, for now or for good. */
const REFUSALS: readonly ClientErrorCode[] = ["badOffer", "mediaUnavailable", "serverBusy"];

/** With these the server says that it does not do what somebody in the room wished for. */
const TOLD: readonly ClientErrorCode[] = [
  "notAllowed",
  "badText",
  "tooFast",
  "badPassword",
  "badDisplayName",
  "tooManyPeople",
  "filesUnavailable",
  "badFile",
  "noSuchFile",
  "tooManyFiles",
  "roomFull",
];

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
  if (TOLD.includes(code)) return announce(noted, { kind: "refused", code });
  if (device !== "mic" && device !== "cam") return [noted, []];
  if (code === "noiseFailed") {
    const [without, effects] = loseNoiseFilter(noted);
    const [told, further] = announce(without, { kind: "refused", code });
    return [told, [...effects, ...further]];
  }
  return isReplaced ? announce(noted, { kind: "replaced", device }) : lose(noted, device, code);
}

/** The own level is rounded to what the meter can show, so that silence draws nothing. */
export function measure(model: Model, own: number, peers: readonly Level[]): Update {
  const { page } = model;
  if (page.page === "preJoin") {
    const level = Math.round(Math.min(1, own) * 20) / 20;
    return [level === page.level ? model : { ...model, page: { ...page, level } }, []];
  }
  if (page.page === "checkup") {
    const level = Math.round(Math.min(1, own) * 20) / 20;
    const loudest = Math.max(page.loudest, level);
    const isSame = level === page.level && loudest === page.loudest;
    return [isSame ? model : { ...model, page: { ...page, level, loudest } }, []];
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
