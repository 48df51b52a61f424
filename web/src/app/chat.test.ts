import { describe, expect, test } from "vitest";
import type { Message } from "./message";
import type { ChatLine } from "./model";
import { HOSTILE } from "./testing/hostile";
import { after, inCall, pageOf, participant, roster } from "./testing/example";
import { titleOf } from "./title";

const line = (id: number, changes: Partial<ChatLine> = {}): ChatLine => ({
  id,
  from: "a",
  name: "Grace",
  to: null,
  text: "Good day",
  at: 1000 * id,
  ...changes,
});
const came = (...lines: readonly ChatLine[]): Message => ({ type: "chatCame", lines, isHistory: false });
const history = (...lines: readonly ChatLine[]): Message => ({ type: "chatCame", lines, isHistory: true });
const CHAT: Message = { type: "toggledPanel", panel: "chat" };
const wrote = (text: string): Message => ({ type: "editedDraft", text });
const call = inCall(participant("a"));
const chatOf = (model: typeof call) => pageOf(model, "room").chat;

describe("what others write", () => {
  test("is unread, told and heard while nobody looks at it", () => {
    const [model, effects] = after(call, came(line(1)));
    expect(chatOf(model).unread).toBe(1);
    expect(model.announcement).toEqual({ kind: "chat", name: "Grace", text: "Good day" });
    expect(effects).toContainEqual({ type: "playSound", sound: "chat" });
    expect(titleOf(model)).toBe("(1) family · Allo");
  });

  test("is read once the panel is open, and at once while it is", () => {
    const [open] = after(call, came(line(1)), CHAT);
    expect(chatOf(open).unread).toBe(0);
    const [more, effects] = after(open, came(line(2)));
    expect(chatOf(more).unread).toBe(0);
    expect(effects).toEqual([]);
  });

  test("is unread on an open panel of a page that is hidden, until it is seen", () => {
    const [hidden] = after(call, CHAT, { type: "pageHidden" }, came(line(1)));
    expect(chatOf(hidden).unread).toBe(1);
    expect(chatOf(after(hidden, { type: "pageShown" })[0]).unread).toBe(0);
  });

  test("from before one's time is in its order, known only once, and no news", () => {
    const [model, effects] = after(call, came(line(3)), CHAT, CHAT, history(line(1), line(2), line(3)));
    expect(chatOf(model).lines.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(chatOf(model).unread).toBe(0);
    expect(effects).toEqual([]);
  });

  test("makes no sound for those who want none", () => {
    const [, effects] = after(call, { type: "toggledSounds" }, came(line(1)));
    expect(effects.map(({ type }) => type)).toEqual(["wait"]);
  });

  test("is kept as it was written, and the oldest goes beyond the bound", () => {
    const [model] = after(call, ...HOSTILE.map((text, id) => came(line(id, { text }))));
    expect(chatOf(model).lines.map(({ text }) => text)).toEqual(HOSTILE);
    const [full] = after(call, history(...Array.from({ length: 600 }, (_, id) => line(id))));
    expect(chatOf(full).lines).toHaveLength(500);
    expect(chatOf(full).lines.at(-1)?.id).toBe(599);
  });
});

describe("a draft", () => {
  test("is sent to everybody, and its place is free again", () => {
    const [model, effects] = after(call, wrote("  Shall we begin? "), { type: "sentDraft" });
    expect(effects).toEqual([{ type: "say", message: { type: "chat", text: "Shall we begin?" } }]);
    expect(chatOf(model).draft).toBe("");
  });

  test("of nothing is not sent", () => {
    expect(after(call, wrote(" \n "), { type: "sentDraft" })[1]).toEqual([]);
  });

  test("to one person does not go to everybody when they leave", () => {
    const to: Message = { type: "choseRecipient", to: { id: "a", name: "Grace" } };
    const [model, effects] = after(call, to, wrote("psst"), { type: "sentDraft" });
    expect(effects).toEqual([{ type: "say", message: { type: "chat", text: "psst", to: "a" } }]);
    const [alone, none] = after(model, wrote("psst"), roster(participant("me")), { type: "sentDraft" });
    expect(none).toEqual([]);
    expect(chatOf(alone).draft).toBe("psst");
  });

  test("stays while the server is out of reach, and when it is too long", () => {
    const lost: Message = {
      type: "signalingChanged",
      state: { state: "reconnecting", attempt: 1, retryInMs: 100, cause: "loss" },
    };
    const [away] = after(call, lost, wrote("hello"), { type: "sentDraft" });
    expect(away.announcement).toEqual({ kind: "notSent" });
    expect(chatOf(away).draft).toBe("hello");
    const [long] = after(call, wrote("\u{1f600}".repeat(1001)), { type: "sentDraft" });
    expect(long.announcement).toEqual({ kind: "refused", code: "badText" });
    expect(chatOf(long).draft).not.toBe("");
  });
});

describe("a panel", () => {
  test("gives the focus back when closed", () => {
    const [open] = after(call, CHAT);
    const [closed, back] = after(open, { type: "closedPanel" });
    expect(pageOf(closed, "room").panel).toBeNull();
    expect(back).toEqual([{ type: "focus", id: "open-chat" }]);
  });

  test("takes the place of the other", () => {
    const [people] = after(call, CHAT, { type: "toggledPanel", panel: "people" });
    expect(pageOf(people, "room").panel).toBe("people");
  });
});
