import { describe, expect, test } from "vitest";
import { appearance, ownTrouble, pathOf, pausedCount, refusalToShow } from "./people";
import { after, inCall, linkTo, opened, pageOf, participant, roster } from "./testing/example";
import type { Message } from "./message";
import type { Model } from "./model";

const frames = (id: string): Message => ({ type: "videoResized", id, size: { width: 640, height: 480 } });

function look(model: Model, id: string): ReturnType<typeof appearance> {
  const page = pageOf(model, "room");
  return appearance(
    page,
    page.people.find((person) => person.id === id)!,
  );
}

describe("joining", () => {
  test("asks the server once", () => {
    const [model, effects] = after(opened("/family"), { type: "clickedJoin" });
    expect(effects).toEqual([{ type: "join", room: "family", displayName: "Ada" }]);
    expect(after(model, { type: "clickedJoin" })[1]).toEqual([]);
  });

  test("wants a name first", () => {
    const [model, effects] = after(opened("/family", { displayName: "  " }), { type: "clickedJoin" });
    expect(pageOf(model, "preJoin")).toMatchObject({ joining: false, refusal: "badDisplayName" });
    expect(effects).toEqual([{ type: "focus", id: "display-name" }]);
  });

  test("that is refused stays before the door with the reason", () => {
    const [model] = after(opened("/family"), { type: "clickedJoin" }, { type: "joinRefused", code: "roomFull" });
    expect(pageOf(model, "preJoin")).toMatchObject({ joining: false, refusal: "roomFull" });
  });

  test("remembers the room, and no other room", () => {
    expect(inCall().settings.recentRooms).toEqual(["family"]);
    expect(after(opened("/family"), { type: "clickedJoin" })[0].settings.recentRooms).toEqual([]);
  });

  test("takes the name that the server gives the room", () => {
    const here: Message = {
      type: "participantsChanged",
      self: "me",
      participants: [participant("me")],
      room: "f",
      rules: null,
    };
    const [model, effects] = after(opened("/family"), { type: "clickedJoin" }, here);
    expect(pageOf(model, "room").room).toBe("f");
    expect(effects).toContainEqual({ type: "showPath", path: "/f", replace: true });
  });

  test("does not happen by itself when a roster comes late", () => {
    const [model] = after(opened("/family"), roster(participant("me")));
    pageOf(model, "preJoin");
  });
});

describe("the people", () => {
  test("keep what is known of them from roster to roster", () => {
    const [model] = after(
      inCall(participant("a")),
      linkTo("a", "connected"),
      frames("a"),
      roster(participant("me"), participant("a", { mic: false }), participant("b")),
    );
    expect(look(model, "a")).toEqual({
      isSelf: false,
      showsVideo: true,
      isMuted: true,
      isSpeaking: false,
      isPaused: false,
      undecodable: null,
      status: null,
      trouble: null,
      isAwaited: false,
    });
    expect(look(model, "b").status).toBe("connecting");
    expect(model.announcement).toEqual({ kind: "joined", name: "B" });
  });

  test("who left are announced", () => {
    const [model, effects] = after(inCall(participant("a")), roster(participant("me")));
    expect(model.announcement).toEqual({ kind: "left", name: "A" });
    expect(effects[0]).toMatchObject({ type: "wait", message: { type: "announcementExpired" } });
  });

  test("with the names of an object's own parts are people like others", () => {
    const [model] = after(inCall(participant("__proto__"), participant("constructor")), frames("__proto__"));
    expect(pageOf(model, "room").people.map(({ id }) => id)).toEqual(["me", "__proto__", "constructor"]);
    expect(look(model, "__proto__").showsVideo).toBe(true);
  });

  test("have their initials instead of a picture until there is one, and when the camera is off", () => {
    const call = inCall(participant("a"));
    expect(look(call, "a").showsVideo).toBe(false);
    expect(look(after(call, frames("a"))[0], "a").showsVideo).toBe(true);
    const off = roster(participant("me"), participant("a", { cam: false }));
    expect(look(after(call, frames("a"), off)[0], "a").showsVideo).toBe(false);
  });
});

describe("a place without a picture", () => {
  const over = (path: "direct" | "server"): Message => ({ type: "pathChanged", peer: "a", path });
  const call = (self: object, other: object, path: "direct" | "server") =>
    after(
      inCall(participant("a")),
      roster(participant("me", self), participant("a", other)),
      linkTo("a", "connected"),
      over(path),
    )[0];

  test.each(["late", "silent", "refused", "blocked"] as const)("says that media are %s", (media) => {
    expect(look(call({}, { media }, "server"), "a").trouble).toBe(media);
    expect(look(call({}, { media }, "direct"), "a").trouble, "nothing goes through the server").toBeNull();
    expect(ownTrouble(pageOf(call({ media }, {}, "server"), "room"))).toBe(media);
    expect(ownTrouble(pageOf(call({ media }, {}, "direct"), "room"))).toBeNull();
  });

  test("says that somebody is away, and not also what follows from that", () => {
    const away = call({}, { media: "silent", connection: "reconnecting" }, "server");
    expect(look(away, "a")).toMatchObject({ status: "reconnecting", trouble: null });
  });

  test("says that the picture has not arrived yet, unless there should be none", () => {
    expect(look(call({}, {}, "server"), "a").isAwaited).toBe(true);
    expect(look(after(call({}, {}, "server"), frames("a"))[0], "a").isAwaited).toBe(false);
    expect(look(call({}, { cam: false }, "server"), "a").isAwaited).toBe(false);
    const muted = { mayPublish: { mic: true, cam: false, screen: true } };
    expect(look(call({}, muted, "server"), "a").isAwaited).toBe(false);
  });
});

describe("a connection", () => {
  const connected = after(inCall(participant("a")), linkTo("a", "connected"))[0];

  test.each([
    ["new", "connecting"],
    ["connecting", "connecting"],
    ["failed", "failed"],
  ] as const)("that never was there and is %s is shown as %s", (state, status) => {
    expect(look(after(inCall(participant("a")), linkTo("a", state))[0], "a").status).toBe(status);
  });

  test.each([
    ["connected", null],
    ["interrupted", "interrupted"],
    ["connecting", "reconnecting"],
    ["failed", "failed"],
  ] as const)("that was there and is %s is shown as %s", (state, status) => {
    expect(look(after(connected, linkTo("a", state))[0], "a").status).toBe(status);
  });

  test("whose signaling is away is reconnecting, and still shown", () => {
    const away = roster(participant("me"), participant("a", { connection: "reconnecting" }));
    const model = after(connected, frames("a"), away)[0];
    expect(look(model, "a")).toMatchObject({ status: "reconnecting", showsVideo: true });
  });

  test("to the server that is lost ends nothing", () => {
    const lost: Message = {
      type: "signalingChanged",
      state: { state: "reconnecting", attempt: 3, retryInMs: 1000, cause: "loss" },
    };
    const page = pageOf(after(connected, lost)[0], "room");
    expect(page.people).toHaveLength(2);
    expect(page.signaling.state).toBe("reconnecting");
  });

  test("that the server ends is the end of the call, with the reason", () => {
    const [model, effects] = after(connected, {
      type: "signalingChanged",
      state: { state: "closed", code: "superseded" },
    });
    expect(pageOf(model, "left").reason).toBe("superseded");
    expect(effects[0]).toEqual({ type: "closeClient" });
  });
});

describe("a server that refuses to carry media", () => {
  const busy: Message = {
    type: "clientFailed",
    error: { code: "serverBusy", text: "Full.", fatal: false },
    at: 1,
    isReplaced: false,
  };
  const shown = (model: Model) => refusalToShow(pageOf(model, "room"));
  const through: Message = { type: "pathChanged", peer: "a", path: "server" };

  test("is said to be the reason while somebody is not connected", () => {
    expect(shown(after(inCall(participant("a")), busy)[0])).toBe("serverBusy");
    expect(shown(inCall(participant("a")))).toBeNull();
  });

  test("is no matter while all are connected directly", () => {
    expect(shown(after(inCall(participant("a")), busy, linkTo("a", "connected"))[0])).toBeNull();
  });

  test("is forgiven once it carries media", () => {
    const [model] = after(
      inCall(participant("a")),
      busy,
      through,
      linkTo("a", "connected"),
      linkTo("a", "interrupted"),
    );
    expect(shown(model)).toBeNull();
  });
});

describe("what comes through the server", () => {
  const call = () =>
    after(inCall(participant("a"), participant("b")), { type: "pathChanged", peer: "a", path: "server" })[0];

  test("is said to take that path, once it is connected", () => {
    expect(pathOf(pageOf(call(), "room"))).toBeNull();
    expect(pathOf(pageOf(after(call(), linkTo("a", "connected"))[0], "room"))).toBe("server");
  });

  test("speaks when the server says so, and not when the page thinks so", () => {
    const heard: Message = { type: "levelsMeasured", own: 0, peers: [{ id: "a", level: 1 }] };
    expect(look(after(call(), heard)[0], "a").isSpeaking).toBe(false);
    const said: Message = { type: "speakersChanged", speaking: ["a"], active: "a" };
    expect(look(after(call(), said)[0], "a").isSpeaking).toBe(true);
  });

  test("may be left out for want of bandwidth, and is counted then", () => {
    const pictures = (paused: boolean): Message => ({
      type: "picturesChanged",
      pictures: [{ participant: "a", source: "cam", paused }],
    });
    const [model] = after(call(), pictures(true));
    expect(look(model, "a").isPaused).toBe(true);
    expect(pausedCount(pageOf(model, "room"))).toBe(1);
    expect(pausedCount(pageOf(after(model, pictures(false))[0], "room"))).toBe(0);
  });

  test("may be encoded so that this browser cannot show it, and that is said", () => {
    const pictures = (undecodable?: "h264"): Message => ({
      type: "picturesChanged",
      pictures: [{ participant: "a", source: "cam", paused: false, ...(undecodable && { undecodable }) }],
    });
    const [model] = after(call(), pictures("h264"));
    expect(look(model, "a").undecodable).toBe("h264");
    expect(pausedCount(pageOf(model, "room"))).toBe(0);
    expect(look(after(model, pictures())[0], "a").undecodable).toBeNull();
  });
});

describe("the own screen", () => {
  const screen = (model: Model) => pageOf(model, "room").screen.state;
  const [asking, effects] = after(inCall(), { type: "toggledScreen" });

  test("is asked for once, and is shared when the browser says so", () => {
    expect(effects).toEqual([{ type: "setScreen", isShared: true }]);
    expect(after(asking, { type: "toggledScreen" })[1]).toEqual([]);
    expect(screen(after(asking, { type: "screenSettled", outcome: { ok: true, on: true } })[0])).toBe("on");
  });

  test("is not shared when the person changes their mind, without a word", () => {
    const [model, orders] = after(asking, { type: "screenSettled", outcome: { ok: true, on: false } });
    expect([screen(model), orders]).toEqual(["off", []]);
  });

  test("that cannot be shared is told", () => {
    const error = { code: "deviceUnsupported", text: "No.", fatal: false } as const;
    const [model] = after(asking, { type: "screenSettled", outcome: { ok: false, error } });
    expect(model.announcement).toEqual({ kind: "screenFailed", code: "deviceUnsupported" });
  });

  test("is sharp at first, and runs smoothly when that is wished for", () => {
    const [shared] = after(asking, { type: "screenSettled", outcome: { ok: true, on: true } });
    const [smooth, orders] = after(shared, { type: "toggledScreenMotion" });
    expect(orders).toEqual([{ type: "setScreenContent", content: "motion" }]);
    expect(after(smooth, { type: "toggledScreenMotion" })[1]).toEqual([
      { type: "setScreenContent", content: "detail" },
    ]);
    const [over] = after(smooth, { type: "toggledScreen" });
    const [again, anew] = after(over, { type: "toggledScreen" });
    expect(anew).toEqual([
      { type: "setScreenContent", content: "detail" },
      { type: "setScreen", isShared: true },
    ]);
    expect(pageOf(again, "room").screenContent).toBe("detail");
    expect(after(again, { type: "toggledScreenMotion" })[1]).toEqual([]);
  });

  test("is off when the browser's own button ends it", () => {
    const shared = after(asking, { type: "screenSettled", outcome: { ok: true, on: true } })[0];
    expect(screen(after(shared, { type: "screenChanged", isShared: false })[0])).toBe("off");
  });
});

describe("a voice", () => {
  const spoke = (own: number, ...levels: readonly (readonly [string, number])[]): Message => ({
    type: "levelsMeasured",
    own,
    peers: levels.map(([id, level]) => ({ id, level })),
  });

  test("is shown at once and through short pauses", () => {
    const speaking = after(inCall(participant("a")), spoke(0, ["a", 0.4]))[0];
    expect(look(speaking, "a").isSpeaking).toBe(true);
    const pause = Array<Message>(5).fill(spoke(0, ["a", 0]));
    expect(look(after(speaking, ...pause)[0], "a").isSpeaking).toBe(true);
    expect(look(after(speaking, ...pause, spoke(0))[0], "a").isSpeaking).toBe(false);
  });

  test("of nobody draws nothing", () => {
    const model = inCall(participant("a"));
    expect(after(model, spoke(0, ["a", 0.01]))[0]).toBe(model);
  });

  test("of somebody muted is not shown", () => {
    const model = inCall(participant("a", { mic: false }));
    expect(look(after(model, spoke(0, ["a", 1]))[0], "a").isSpeaking).toBe(false);
  });
});

describe("the inset", () => {
  const staged = after(inCall(participant("a")), {
    type: "stageResized",
    size: { width: 1000, height: 600 },
    pixelRatio: 1,
  })[0];

  test("follows the pointer and finds a corner when let go", () => {
    const held = after(staged, { type: "insetDragged", x: 40, y: 400 })[0];
    expect(pageOf(held, "room").isInsetHeld).toBe(true);
    expect(pageOf(after(held, { type: "insetDropped" })[0], "room")).toMatchObject({
      inset: { x: 0, y: 1 },
      isInsetHeld: false,
    });
  });

  test("goes by arrow keys, and round by clicks", () => {
    const corner = (...towards: readonly ("left" | "right" | "up" | "down" | "next")[]) =>
      pageOf(after(staged, ...towards.map((way) => ({ type: "insetMoved", towards: way }) as const))[0], "room").inset;
    expect(corner("left")).toEqual({ x: 0, y: 1 });
    expect(corner("left", "up", "right")).toEqual({ x: 1, y: 0 });
    expect(corner("next", "next", "next", "next")).toEqual({ x: 1, y: 1 });
    expect(new Set([corner(), corner("next"), corner("next", "next")].map((spot) => JSON.stringify(spot))).size).toBe(
      3,
    );
  });
});

describe("the link", () => {
  test("is copied whole", () => {
    expect(after(inCall(), { type: "clickedCopyLink" })[1]).toEqual([
      { type: "copy", what: "link", text: "https://allo.example/family" },
    ]);
  });
});

describe("what comes after leaving", () => {
  test.each<Message>([
    linkTo("a", "connected"),
    roster(participant("me")),
    { type: "soundBlocked" },
    { type: "deviceSettled", device: "cam", outcome: { ok: true, on: true } },
    { type: "signalingChanged", state: { state: "open" } },
  ])("changes nothing: $type", (message) => {
    const left = after(inCall(participant("a")), { type: "clickedLeave" })[0];
    expect(after(left, message)[0]).toEqual(left);
  });
});
