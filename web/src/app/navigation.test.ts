import { describe, expect, test } from "vitest";
import { init } from "./navigation";
import { DEFAULT_SETTINGS } from "./settings";
import { after, inCall, opened, pageOf, SURROUNDINGS } from "./testing/example";

describe("a link to a room", () => {
  test("opens no device", () => {
    const [model, effects] = init(SURROUNDINGS, { ...DEFAULT_SETTINGS, recentRooms: ["family"] }, "/family");
    expect(pageOf(model, "preJoin").own).toEqual({
      mic: { state: "off", problem: null },
      cam: { state: "off", problem: null },
    });
    expect(effects.map(({ type }) => type)).toEqual(["openClient", "listDevices", "focus"]);
  });

  test("is written as the server writes it", () => {
    const [model, effects] = init(SURROUNDINGS, DEFAULT_SETTINGS, "/Family%20Lunch");
    expect(pageOf(model, "preJoin").room).toBe("family-lunch");
    expect(effects).toContainEqual({ type: "showPath", path: "/family-lunch", replace: true });
  });

  test("that names no room leads to the start page, which says why", () => {
    expect(pageOf(opened("/a.b"), "landing").problem).toBe("characters");
  });
});

describe("the start page", () => {
  test("asks for a better name instead of opening a bad one", () => {
    const [model, effects] = after(opened("/"), { type: "editedRoomName", text: "a/b" }, { type: "submittedRoomName" });
    expect(pageOf(model, "landing").problem).toBe("characters");
    expect(effects).toEqual([{ type: "focus", id: "room-name" }]);
  });

  test("opens the room that was named", () => {
    const [model, effects] = after(
      opened("/"),
      { type: "editedRoomName", text: "Family" },
      { type: "submittedRoomName" },
    );
    expect(pageOf(model, "preJoin").room).toBe("family");
    expect(effects).toContainEqual({ type: "showPath", path: "/family", replace: false });
  });

  test("makes an unguessable room of 128 random bits", () => {
    expect(after(opened("/"), { type: "clickedUnguessableRoom" })[1]).toEqual([{ type: "drawRandomBytes", count: 16 }]);
    const [model] = after(opened("/"), { type: "drewRandomBytes", bytes: Array<number>(16).fill(0) });
    expect(pageOf(model, "preJoin").room).toBe(Array<string>(8).fill("babab").join("-"));
  });

  test("forgets a room for good", () => {
    const [model, effects] = after(opened("/", { recentRooms: ["a", "b"] }), { type: "forgotRoom", room: "a" });
    expect(model.settings.recentRooms).toEqual(["b"]);
    expect(effects).toEqual([{ type: "save", settings: model.settings }]);
  });
});

describe("the back button", () => {
  test("leaves the call and gives the devices back", () => {
    const [model, effects] = after(inCall(), { type: "addressChanged", path: "/" });
    pageOf(model, "landing");
    expect(effects[0]).toEqual({ type: "closeClient" });
  });

  test("does nothing when it stays in the room", () => {
    const model = inCall();
    expect(after(model, { type: "addressChanged", path: "/family" })).toEqual([model, []]);
  });
});

describe("having left", () => {
  test("offers to come back with what was on", () => {
    const call = after(inCall(), { type: "toggledMic" })[0];
    const [left, effects] = after(call, { type: "clickedLeave" });
    expect(pageOf(left, "left")).toEqual({
      page: "left",
      room: "family",
      reason: "left",
      wanted: { mic: true, cam: false },
    });
    expect(effects[0]).toEqual({ type: "closeClient" });

    const [again, orders] = after(left, { type: "clickedRejoin" });
    expect(pageOf(again, "preJoin").joining).toBe(true);
    expect(orders).toContainEqual({ type: "setMic", choice: true, release: false });
    expect(orders).toContainEqual({ type: "join", room: "family", displayName: "Ada" });
    expect(orders.some(({ type }) => type === "setCam")).toBe(false);
  });
});

describe("who has signed in", () => {
  const at = (name: string | null) => ({ ...SURROUNDINGS, login: { isSignedIn: true, name, hasFailed: false } });

  test("is called what they are called there", () => {
    const [model] = init(at("Ada Lovelace"), { ...DEFAULT_SETTINGS, displayName: "Somebody" }, "/family");
    expect(model.settings.displayName).toBe("Ada Lovelace");
  });

  test("says a name themselves where none is known", () => {
    const [model] = init(at(null), { ...DEFAULT_SETTINGS, displayName: "Ada" }, "/family");
    expect(model.settings.displayName).toBe("Ada");
  });
});
