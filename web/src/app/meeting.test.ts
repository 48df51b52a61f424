import { describe, expect, test } from "vitest";
import type { Participant, RoomSettings } from "../protocol/messages";
import { hands } from "./meeting";
import type { Message } from "./message";
import type { Model } from "./model";
import { actionsOn, isModerator, personOfId } from "./rights";
import { rolled } from "./roll";
import { planStage } from "./stage";
import { after, inCall, opened, pageOf, participant, roster } from "./testing/example";
import { tabIconOf, titleOf } from "./title";

const settled = (on: boolean): Message => ({ type: "deviceSettled", device: "mic", outcome: { ok: true, on } });
const me = (changes: Partial<Participant> = {}): Participant => participant("me", changes);
const here = (rules: RoomSettings, ...participants: readonly Participant[]): Message =>
  ({ ...roster(...participants), rules }) as Message;
const order = (given: Extract<Message, { type: "gaveOrder" }>["order"]): Message => ({
  type: "gaveOrder",
  order: given,
});
const room = (model: Model) => pageOf(model, "room");
const ON = after(inCall(participant("a")), { type: "toggledMic" }, settled(true))[0];

describe("a hand", () => {
  test("is raised, and lowered again", () => {
    const toggled: Message = { type: "toggledHand" };
    expect(after(inCall(), toggled)[1]).toEqual([{ type: "say", message: { type: "raiseHand" } }]);
    const [up] = after(inCall(), roster(me({ hand: 1 })));
    expect(after(up, toggled)[1]).toEqual([{ type: "say", message: { type: "lowerHand" } }]);
  });

  test("of somebody else is told, heard and in the title, in the order of raising", () => {
    const [model, effects] = after(
      inCall(participant("a"), participant("b")),
      roster(me({ hand: 2 }), participant("a"), participant("b", { hand: 1 })),
    );
    expect(model.announcement).toEqual({ kind: "handRaised", name: "B" });
    expect(effects).toContainEqual({ type: "playSound", sound: "hand" });
    expect(titleOf(model)).toBe("✋ family · Allo");
    expect(hands(room(model)).map(({ id }) => id)).toEqual(["b", "me"]);
  });

  test("is not there where the server knows of no meetings", () => {
    const [model, effects] = after(inCall(), { ...roster(me()), rules: null } as Message, { type: "toggledHand" });
    expect(effects).toEqual([]);
    expect(isModerator(room(model))).toBe(false);
  });
});

describe("a sign", () => {
  test("is shown for some seconds", () => {
    const [model, effects] = after(inCall(participant("a")), { type: "reacted", person: "a", reaction: "heart" });
    expect(room(model).signs).toEqual([{ number: 1, person: "a", reaction: "heart" }]);
    const expiry: Message = { type: "signExpired", number: 1 };
    expect(effects).toEqual([{ type: "wait", timer: "sign 1", ms: 4000, message: expiry }]);
    expect(room(after(model, expiry)[0]).signs).toEqual([]);
  });

  test("beyond the bound takes the place of the oldest", () => {
    const flood = Array<Message>(100).fill({ type: "reacted", person: "a", reaction: "heart" });
    const { signs } = room(after(inCall(participant("a")), ...flood)[0]);
    expect(signs).toHaveLength(40);
    expect(signs.at(-1)?.number).toBe(100);
  });
});

describe("a device that a moderator turns off", () => {
  test("is off, that is said, and it can be turned on again", () => {
    const [off, effects] = after(ON, { type: "deviceTurnedOff", device: "mic", by: "a" });
    expect(effects[0]).toEqual({ type: "setMic", choice: false, release: false });
    expect(off.announcement).toEqual({ kind: "turnedOff", device: "mic", by: "A" });
    expect(tabIconOf(off)).toBe("muted");
    expect(after(off, { type: "toggledMic" })[1]).toEqual([{ type: "setMic", choice: true, release: false }]);
  });

  test("is not touched when it is off already", () => {
    expect(after(inCall(participant("a")), { type: "deviceTurnedOff", device: "cam", by: "a" })[1]).toEqual([]);
  });
});

describe("being asked to turn something on", () => {
  const asked: Message = { type: "askedToTurnOn", device: "mic", by: "a" };

  test("turns on nothing before the person has said yes", () => {
    const [model, effects] = after(inCall(participant("a")), asked);
    expect(effects).toEqual([]);
    expect(room(model).own.mic.state).toBe("off");
    expect(room(model).asked).toEqual({ device: "mic", by: "A" });
    expect(after(model, { type: "acceptedAsk" })[1]).toEqual([{ type: "setMic", choice: true, release: false }]);
    expect(room(after(model, { type: "declinedAsk" })[0]).asked).toBeNull();
  });

  test("is not shown for what is on", () => {
    expect(room(after(ON, asked)[0]).asked).toBeNull();
  });
});

describe("a screen, where one at a time may be shared", () => {
  const rules: RoomSettings = { oneScreen: true };
  const shared = after(inCall(participant("a")), here(rules, me(), participant("a", { screen: true })))[0];

  test("is not asked for while another one is shared", () => {
    const [model, effects] = after(shared, { type: "toggledScreen" });
    expect(model.announcement).toEqual({ kind: "screenTaken", by: "A" });
    expect(effects.map(({ type }) => type)).toEqual(["wait"]);
    expect(room(model).screen.state).toBe("off");
  });

  test("can be shared once the other one is not, and ended at any time", () => {
    const [free] = after(shared, here(rules, me(), participant("a")));
    const [asking, effects] = after(free, { type: "toggledScreen" });
    expect(effects).toContainEqual({ type: "setScreen", isShared: true });
    const [on] = after(asking, { type: "screenSettled", outcome: { ok: true, on: true } });
    const [both] = after(on, here(rules, me({ screen: true }), participant("a", { screen: true })));
    expect(after(both, { type: "toggledScreen" })[1]).toContainEqual({ type: "setScreen", isShared: false });
  });

  test("that came second is ended, and it is said why", () => {
    const [on] = after(
      inCall(participant("a")),
      here(rules, me(), participant("a")),
      { type: "toggledScreen" },
      { type: "screenSettled", outcome: { ok: true, on: true } },
      here(rules, me(), participant("a", { screen: true })),
    );
    const [model, effects] = after(on, { type: "deviceTurnedOff", device: "screen", by: "a" });
    expect(effects).toContainEqual({ type: "setScreen", isShared: false });
    expect(model.announcement).toEqual({ kind: "screenTaken", by: "A" });
  });
});

describe("the floor", () => {
  const without = roster(me({ mayPublish: { mic: false, cam: false, screen: false } }), participant("a"));

  test("that is taken away turns off what is on, which stays off", () => {
    const [model, effects] = after(ON, without);
    expect(effects).toContainEqual({ type: "setMic", choice: false, release: false });
    expect(model.announcement).toEqual({ kind: "mayNot", device: "mic" });
    for (const wish of ["toggledMic", "toggledCam", "toggledScreen", "talkKeyPressed"] as const) {
      const [still, orders] = after(model, { type: wish });
      expect(orders.map(({ type }) => type)).toEqual(["wait"]);
      expect(still.announcement?.kind).toBe("mayNot");
    }
  });

  test("that is given back can be used again", () => {
    const [model] = after(ON, without, roster(me(), participant("a")));
    expect(after(model, { type: "toggledMic" })[1]).toEqual([{ type: "setMic", choice: true, release: false }]);
  });
});

describe("who keeps order", () => {
  const as = (own: Participant["role"], theirs: Participant["role"]): readonly string[] => {
    const role = (it: Participant["role"]) => (it === undefined ? {} : { role: it });
    const [model] = after(inCall(participant("a")), roster(me(role(own)), participant("a", role(theirs))));
    return actionsOn(room(model), personOfId(room(model), "a") ?? (participant("x") as never));
  };

  test("is offered what the server grants, and nobody more", () => {
    expect(as("participant", "participant")).toEqual(["message", "pin"]);
    expect(as("moderator", "participant")).toEqual(expect.arrayContaining(["muteMic", "spotlight", "remove", "ban"]));
    expect(as("moderator", "participant")).not.toContain("makeModerator");
    expect(as("moderator", "owner")).toEqual(["message", "pin", "spotlight"]);
    expect(as("owner", "moderator")).toEqual(expect.arrayContaining(["makeParticipant", "makeOwner", "ban"]));
    expect(as("owner", "moderator")).not.toContain("makeModerator");
  });

  test("is told of a new role", () => {
    const [model] = after(inCall(participant("a")), roster(me({ role: "moderator" }), participant("a")));
    expect(model.announcement).toEqual({ kind: "role", role: "moderator" });
  });

  test("hears who knocks, and no longer knows of it without the right", () => {
    const [moderator] = after(inCall(), roster(me({ role: "owner" })));
    const knocking: Message = { type: "knockingChanged", people: [{ id: "k", displayName: "Edsger" }] };
    const [model, effects] = after(moderator, knocking);
    expect(effects).toEqual([{ type: "playSound", sound: "knock" }]);
    expect(after(model, knocking)[1]).toEqual([]);
    expect(room(after(model, roster(me()))[0]).knocking).toEqual([]);
  });

  test("confirms what cannot be taken back, and nothing else", () => {
    const call = inCall(participant("a"));
    const lock = { type: "setRoom", locked: true } as const;
    expect(after(call, order(lock))[1]).toEqual([{ type: "say", message: lock }]);
    const ban = { type: "ban", participant: "a" } as const;
    const [asking, none] = after(call, order(ban));
    expect(none).toEqual([]);
    expect(asking.dialog).toBe("confirm");
    expect(after(asking, { type: "confirmedOrder" })[1]).toEqual([{ type: "say", message: ban }]);
    expect(after(asking, { type: "closedDialog" }, { type: "confirmedOrder" })[1]).toEqual([]);
  });

  test("gives somebody another name", () => {
    const rename: Message[] = [
      { type: "clickedRename", person: "a" },
      { type: "editedRename", text: " Grace H. " },
    ];
    expect(after(inCall(participant("a")), ...rename, { type: "submittedRename" })[1]).toEqual([
      { type: "say", message: { type: "rename", participant: "a", displayName: "Grace H." } },
    ]);
  });

  test("shows somebody large to everybody, but for those who have pinned another", () => {
    const people = [me(), participant("a"), participant("b")];
    const stage: Message = { type: "stageResized", size: { width: 1200, height: 800 }, pixelRatio: 1 };
    const large = (model: Model) => planStage(room(model), 6).placements.find(({ role }) => role === "focus")?.id;
    const [model] = after(inCall(), stage, here({ spotlight: "b" }, ...people));
    expect(large(model)).toBe("b");
    expect(large(after(model, { type: "toggledPin", tile: "a" })[0])).toBe("a");
  });
});

describe("before the door", () => {
  const joining = after(opened("/family"), { type: "clickedJoin" })[0];

  test("one waits until somebody opens it", () => {
    const [waiting] = after(joining, { type: "waitingBegan" });
    expect(pageOf(waiting, "preJoin").isWaiting).toBe(true);
    expect(after(waiting, { type: "clickedJoin" })[1]).toEqual([]);
    expect(after(waiting, roster(me()))[0].page.page).toBe("room");
    const [denied] = after(waiting, { type: "joinRefused", code: "denied" });
    expect(pageOf(denied, "preJoin")).toMatchObject({ isWaiting: false, joining: false, refusal: "denied" });
  });

  test("a password is asked for, and shown to the server", () => {
    const [asked, effects] = after(joining, { type: "joinRefused", code: "passwordRequired" });
    expect(effects).toEqual([{ type: "focus", id: "password" }]);
    const [again, orders] = after(asked, { type: "editedPassword", text: "sesame" }, { type: "clickedJoin" });
    expect(orders).toEqual([{ type: "join", room: "family", displayName: "Ada", password: "sesame" }]);
    expect(pageOf(after(again, { type: "joinRefused", code: "wrongPassword" })[0], "preJoin").passwordOf).toBe("room");
  });

  test("the server's own password is another", () => {
    const [asked] = after(joining, { type: "joinRefused", code: "mayNotOpen" });
    const [, orders] = after(asked, { type: "editedPassword", text: "battery" }, { type: "clickedJoin" });
    expect(orders).toEqual([
      { type: "join", room: "family", displayName: "Ada", password: "battery", openingPassword: "battery" },
    ]);
  });
});

describe("the list of people", () => {
  const people = [
    me({ displayName: "Zoë" }),
    participant("a", { displayName: "Émile" }),
    participant("b", { displayName: "Bo", hand: 3 }),
  ];
  const names = (...messages: readonly Message[]) =>
    rolled(room(after(inCall(), roster(...people), ...messages)[0]), "en").map(({ displayName }) => displayName);

  test("begins with raised hands, and is in the order that was wished for", () => {
    expect(names()).toEqual(["Bo", "Zoë", "Émile"]);
    expect(names({ type: "changedRoll", change: { order: "name" } })).toEqual(["Bo", "Émile", "Zoë"]);
  });

  test("is searched without regard to accents and capitals", () => {
    expect(names({ type: "changedRoll", change: { search: " EMI" } })).toEqual(["Émile"]);
    expect(names({ type: "changedRoll", change: { search: "zoe" } })).toEqual(["Zoë"]);
  });
});
