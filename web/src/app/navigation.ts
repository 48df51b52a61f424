/** Going from page to page. */

import type { ClientErrorCode } from "../webrtc/types";
import { CHECKUP, CHECKUP_PATH } from "./checkup";
import type { Effect, Update } from "./effect";
import type { Login, Model, Page, PreJoinPage, Surroundings } from "./model";
import { deviceOrders, OWN_OFF } from "./own";
import { endWithCall } from "./recording";
import { roomOfPath, roomPath } from "./roomName";
import { languageFor, MAX_NAME_LENGTH, type Settings } from "./settings";

/** Returns the page's first state, and what is to be done for it. */
export function init(surroundings: Surroundings, settings: Settings, path: string): Update {
  const model: Model = {
    surroundings,
    settings: withNameOf(surroundings.login, settings),
    language: languageFor(settings.language, surroundings.browserLanguages),
    devices: [],
    offer: null,
    pageHidden: false,
    fullScreen: false,
    isFloating: false,
    dialog: null,
    announcement: null,
    diagnostics: { log: [], errors: [], stats: [] },
    page: { page: "landing", draft: "", problem: null },
  };
  return openPath(model, path);
}

/** Whoever has signed in is called what they are called there, until they say otherwise. */
function withNameOf(login: Login | null, settings: Settings): Settings {
  const name = login?.name ?? null;
  return name === null ? settings : { ...settings, displayName: name.slice(0, MAX_NAME_LENGTH) };
}

/** Follows the address bar, away from wherever one was. */
export function openPath(model: Model, path: string): Update {
  if (path === "/") return show(model, { page: "landing", draft: "", problem: null }, []);
  if (path.replace(/\/$/u, "") === CHECKUP_PATH) {
    return show(model, CHECKUP, [{ type: "openClient" }, { type: "listDevices" }]);
  }
  const name = roomOfPath(path);
  if (!name.ok) return show(model, { page: "landing", draft: "", problem: name.problem }, []);
  if (isAt(model, name.room)) return [model, []];
  const canonical = roomPath(name.room);
  const correction: Effect[] = canonical === path ? [] : [{ type: "showPath", path: canonical, replace: true }];
  return openRoom(model, name.room, correction);
}

/** Goes to a room's page, as if its link had been followed. */
export function goToRoom(model: Model, room: string): Update {
  return openRoom(model, room, [{ type: "showPath", path: roomPath(room), replace: false }]);
}

export function goHome(model: Model): Update {
  const path: Effect = { type: "showPath", path: "/", replace: false };
  return show(model, { page: "landing", draft: "", problem: null }, [path]);
}

/** Ends the call, by one's own will or because of `reason`. */
export function leave(model: Model, reason: "left" | ClientErrorCode): Update {
  if (model.page.page !== "room") return [model, []];
  const { room, own } = model.page;
  const wanted = { mic: own.mic.state !== "off", cam: own.cam.state !== "off" };
  return show(model, { page: "left", room, reason, wanted }, []);
}

/** Goes straight back into the room that was left, with the devices that were on. */
export function rejoin(model: Model): Update {
  if (model.page.page !== "left") return [model, []];
  const { room, wanted } = model.page;
  const [own, orders] = deviceOrders(model, wanted);
  const page: Page = { ...atTheDoor(room), own, joining: true };
  const join = joinOrder(model, room, model.settings.displayName);
  return show(model, page, [{ type: "openClient" }, { type: "listDevices" }, ...orders, join]);
}

/** Asks to be let in. A room that this opens gets the topology that the address wished for. */
export function joinOrder(
  { surroundings: { topology } }: Model,
  room: string,
  displayName: string,
): Extract<Effect, { type: "join" }> {
  return { type: "join", room, displayName, ...(topology !== null && { topology }) };
}

function openRoom(model: Model, room: string, effects: readonly Effect[]): Update {
  return show(model, atTheDoor(room), [...effects, { type: "openClient" }, { type: "listDevices" }]);
}

function atTheDoor(room: string): PreJoinPage {
  return {
    page: "preJoin",
    room,
    own: OWN_OFF,
    level: 0,
    joining: false,
    signaling: null,
    refusal: null,
    isWaiting: false,
    passwordOf: null,
    password: "",
  };
}

function show(model: Model, page: Page, effects: readonly Effect[]): Update {
  const closing: Effect[] = [...endWithCall(model.page)];
  if (hasClient(model.page)) closing.push({ type: "closeClient" });
  if (model.isFloating) closing.push({ type: "setFloating", tile: null });
  const focus: Effect = { type: "focus", id: "page" };
  return [{ ...model, page, dialog: null, announcement: null, offer: null }, [...closing, ...effects, focus]];
}

function hasClient(page: Page): boolean {
  return "own" in page;
}

function isAt({ page }: Model, room: string): boolean {
  return (page.page === "preJoin" || page.page === "room") && page.room === room;
}
